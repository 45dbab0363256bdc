// Who may import whom. ARCHITECTURE.md explains the levels; this file holds them, and scripts/import-rules.test.mjs
// proves that every rule bites. Paths are matched with symbolic links resolved, as Node does.

const source = "^packages/heddle/src/";
const generated = "gen";

const foundation = ["runtime", "call"];
const building = ["contract", "wire", "balance", "resilience", "policy", "telemetry", "identity", "health"];
const reaching = ["connection", "discovery"];
const sides = ["client", "server"];
const products = [
  "events",
  "control/agent",
  "control/plane",
  "proxy",
  "admin",
  "config",
  "supervise",
  "testing",
  "simulate",
  "monitoring",
];
const upToReaching = [...foundation, ...building, ...reaching];
const upToSides = [...upToReaching, ...sides];
const mesh = [...upToSides, ...products.filter((folder) => folder !== "control/plane")];

/** Folder or file under src → what it may import besides itself, npm packages and generated code. */
const mayImport = {
  runtime: [],
  call: ["runtime"],
  ...each(building, foundation),
  ...each(reaching, [...foundation, ...building]),
  ...each(sides, upToReaching),
  ...each(products, upToSides),
  "control/index.ts": [...upToSides, ...products],
  "shutdown.ts": ["runtime"],
  "mesh-contracts.ts": upToSides,
  "mesh-options.ts": [
    ...upToSides,
    "mesh-contracts.ts",
    "mesh-metrics.ts",
    "mesh-telemetry.ts",
    "mesh-traces.ts",
  ],
  "mesh-metrics.ts": [...upToSides, "mesh-metrics-page.ts", "mesh-otlp.ts"],
  "mesh-metrics-page.ts": upToSides,
  "mesh-otlp.ts": upToSides,
  "mesh-traces.ts": [...upToSides, "mesh-otlp.ts"],
  "mesh-server.ts": upToSides,
  "mesh-telemetry.ts": upToSides,
  "registries.ts": mesh,
  "mesh-registries.ts": [...mesh, "registries.ts"],
  "mesh.ts": [
    ...mesh,
    "mesh-contracts.ts",
    "mesh-metrics.ts",
    "mesh-options.ts",
    "mesh-registries.ts",
    "mesh-server.ts",
    "mesh-telemetry.ts",
    "mesh-traces.ts",
    "shutdown.ts",
  ],
  "index.ts": [
    ...mesh,
    "mesh-contracts.ts",
    "mesh-metrics.ts",
    "mesh-otlp.ts",
    "mesh-options.ts",
    "mesh-server.ts",
    "mesh-telemetry.ts",
    "mesh-traces.ts",
    "mesh.ts",
    "registries.ts",
  ],
  generate: [...upToSides, ...products],
};

/** These decide and parse, and leave I/O and time to their callers, so the simulator runs them unchanged. */
const pure = ["balance", "resilience", "policy", "telemetry", "wire", "contract", "monitoring"];
const testFile = "(\\.test|-contract)\\.ts$";

export default {
  forbidden: [
    ...Object.entries(mayImport).map(([from, allowed]) => ({
      name: `level-of-${from}`,
      comment: `${from} may import only: ${allowed.join(", ") || "nothing of ours"}.`,
      severity: "error",
      // The tests of one product may meet another, such as the agent a real registry.
      from: { path: inSource(from), ...(products.includes(from) ? { pathNot: testFile } : {}) },
      to: {
        path: source,
        pathNot: [from, generated, ...allowed].map(inSource),
        // The one exception: the bytes layer names the types of what it encodes.
        ...(from === "wire" ? { dependencyTypesNot: ["type-only"] } : {}),
      },
    })),
    {
      name: "level-of-wire-types",
      comment: "wire may take types from contract, and from nowhere else above it.",
      severity: "error",
      from: { path: inSource("wire") },
      to: {
        path: source,
        pathNot: ["wire", generated, ...foundation, "contract"].map(inSource),
        dependencyTypes: ["type-only"],
      },
    },
    {
      name: "unknown-folder",
      comment:
        "A folder of src without a level: give it one in .dependency-cruiser.mjs and a line in ARCHITECTURE.md.",
      severity: "error",
      // Tests that stand at the top of src are about the package as a whole.
      from: {
        path: source,
        pathNot: [
          ...[generated, "cli", ...Object.keys(mayImport)].map(inSource),
          `${source}[^/]+\\.test\\.ts$`,
        ],
      },
      to: { path: ".*" },
    },
    {
      name: "nothing-imports-cli",
      comment: "The command line is the outermost layer.",
      severity: "error",
      from: { pathNot: inSource("cli") },
      to: { path: inSource("cli") },
    },
    {
      name: "pure-folders-use-no-node-module",
      comment:
        "Pure code takes bytes, `now` and `random` as arguments. Move the I/O to connection, server or runtime.",
      severity: "error",
      from: { path: pure.map(inSource), pathNot: [testFile, `${source}wire/compression\\.ts$`] },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "compression-uses-only-zlib",
      comment: "wire/compression.ts may import node:zlib and no other Node module.",
      severity: "error",
      from: { path: `${source}wire/compression\\.ts$` },
      to: { dependencyTypes: ["core"], pathNot: "^(node:)?zlib$" },
    },
    {
      name: "only-tests-import-tests",
      comment: "What a test file exports is for other test files.",
      severity: "error",
      from: { path: source, pathNot: testFile },
      to: { path: testFile },
    },
    {
      name: "outside-uses-the-public-surface",
      comment:
        "Examples, benchmarks and system tests see the package as its users do: import heddle, heddle/client, … " +
        "Only the fuzzer goes to the parts that strangers' bytes reach.",
      severity: "error",
      from: { path: "^(examples|bench|test)/", pathNot: "^test/fuzz/" },
      to: {
        path: "^packages/heddle/",
        pathNot: ["index", "\\w+/index", "contract/codec/index"].map(
          (entry) => `^packages/heddle/dist/${entry}[.]`,
        ),
      },
    },
    {
      name: "no-cycle",
      comment: "Two modules that need each other are one module, or hide a third.",
      severity: "error",
      from: {},
      // Types are gone at run time, and two files may name each other's.
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: ["node_modules", "^packages/heddle/dist/"] },
    exclude: { path: ["\\.fresh/", "\\.old/"] },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["types", "import", "node", "default"],
      extensions: [".ts", ".js", ".mjs", ".d.ts", ".json"],
    },
  },
};

function each(folders, allowed) {
  return Object.fromEntries(folders.map((folder) => [folder, allowed]));
}

function inSource(folderOrFile) {
  return folderOrFile.endsWith(".ts")
    ? `${source}${folderOrFile.replace(".", "\\.")}$`
    : `${source}${folderOrFile}/`;
}
