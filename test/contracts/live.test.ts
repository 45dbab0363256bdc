/**
 * Whom a change of a contract breaks, among services that run: each a process, with a control plane, and the command line as people
 * use it, in a repository with a `.proto` file.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { before, after as afterAll, test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { freePort } from "../kit/free-ports.ts";
import { startProgram } from "../kit/processes.ts";
import { until } from "../kit/within.ts";
import { SHOP_PROTO } from "./shop.ts";

const heddle = fileURLToPath(new URL("../../packages/heddle/bin/heddle.js", import.meta.url));
const bin = fileURLToPath(new URL("../../node_modules/.bin", import.meta.url));
const PATH = `${bin}${delimiter}${process.env["PATH"] ?? ""}`;

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "heddle-shop-"));
  mkdirSync(join(folder, "proto/shop/v1"), { recursive: true });
  writeFileSync(join(folder, "proto/shop/v1/shop.proto"), SHOP_PROTO);
  run("git", "init", "-q");
  run("git", "add", ".");
  run("git", "-c", "user.name=T", "-c", "user.email=t@example.com", "commit", "-q", "-m", "The shop");
  run("buf", "build", "proto", "-o", "contract.binpb");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(program: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(program, args, {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, PATH },
  });
  assert.equal(status, 0, `${program} ${args.join(" ")}: ${stderr}`);
}

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function cli(...args: string[]): Promise<Outcome> {
  const child = spawn(process.execPath, [heddle, ...args], {
    cwd: folder,
    env: { ...process.env, PATH, NO_COLOR: "1" },
  });
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, ...output };
}

/** The sources with a change, for as long as `during` runs. */
async function changed<T>(from: string | RegExp, to: string, during: () => Promise<T>): Promise<T> {
  const path = join(folder, "proto/shop/v1/shop.proto");
  const source = readFileSync(path, "utf8");
  const next = source.replace(from, to);
  assert.notEqual(next, source, "the change changes nothing");
  writeFileSync(path, next);
  try {
    return await during();
  } finally {
    writeFileSync(path, source);
  }
}

async function startShop(t: TestContext): Promise<string> {
  const port = await freePort();
  const plane = spawn(process.execPath, [heddle, "control", "--listen", `127.0.0.1:${port}`], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  t.after(() => plane.kill("SIGKILL"));
  await once(plane.stderr, "data");
  return `127.0.0.1:${port}`;
}

function start(
  t: TestContext,
  program: string,
  registry: string,
  service: string,
  settings: Record<string, string> = {},
) {
  return startProgram(t, service, new URL(program, import.meta.url), {
    HEDDLE_REGISTRY: registry,
    HEDDLE_SERVICE: service,
    HEDDLE_INSTANCE: `${service}-1`,
    HEDDLE_LISTEN: "127.0.0.1:0",
    SHOP_IMAGE: join(folder, "contract.binpb"),
    ...settings,
  });
}

interface Check {
  readonly changes: readonly {
    readonly name: string;
    readonly state: string;
    readonly callers: readonly {
      readonly caller: string;
      readonly how: string;
      readonly today: number;
      readonly about: boolean;
    }[];
    readonly unknown: readonly string[];
  }[];
  readonly silent: readonly string[];
}

const CALLS = 300;

test("a change that breaks a live caller is named with the caller, the field or method, and the count", async (t) => {
  const registry = await startShop(t);
  const check = (...args: string[]) => cli("contract", "check", "--live", "--registry", registry, ...args);
  const checkJson = async () => JSON.parse((await check("--json")).stdout) as Check;
  await start(t, "orders-process.ts", registry, "orders");
  await start(t, "caller-process.ts", registry, "billing", {
    SHOP_USES: "legacyCode,cancelOrder",
    SHOP_CALLS: String(CALLS),
  });
  await start(t, "caller-process.ts", registry, "web", { SHOP_USES: "customer.name,shop", SHOP_CALLS: "40" });

  // Everybody has reported when both callers' counts are there.
  await changed(/ {2}rpc GetOrder.*\n/, "", async () => {
    await until(
      async () => {
        const { changes } = await checkJson();
        const callers = changes.find(({ name }) => name.endsWith("/GetOrder"))?.callers ?? [];
        return (
          callers.some((c) => c.caller === "billing" && c.today === CALLS) &&
          callers.some((c) => c.caller === "web" && c.today === 40)
        );
      },
      "the reports of billing and web",
      30_000,
    );
  });

  const legacy = await changed(
    "  string legacy_code = 2;\n",
    '  reserved 2;\n  reserved "legacy_code";\n',
    () => check(),
  );
  assert.equal(legacy.code, 1, legacy.stderr);
  const named =
    /removing shop\.v1\.Order\.legacy_code breaks billing \(read about (\d+) times today, in answers of shop\.v1\.OrderService\/GetOrder\)/;
  const [, count] = named.exec(legacy.stdout) ?? [];
  // All samples have read it, so nothing is lost by looking at some only.
  assert.equal(Number(count), CALLS, legacy.stdout);
  assert.match(
    legacy.stdout,
    /^proto\/shop\/v1\/shop\.proto:11: field shop\.v1\.Order\.legacy_code = 2 was deleted\n/,
  );
  assert.doesNotMatch(legacy.stdout, /web/);

  const note = await changed("  string note = 3;\n", "  reserved 3;\n", () => check());
  assert.equal(note.code, 0, note.stderr);
  assert.match(
    note.stdout,
    /no live reader: in none of \d+ that were looked at, of 340 calls since \d{4}-\d\d-\d\d/,
  );

  const name = await changed("  string name = 1;\n", "  int32 name = 1;\n", () => check());
  assert.equal(name.code, 1);
  assert.match(name.stdout, /changing shop\.v1\.Customer\.name breaks web \(read (?:about )?40 times today/);
  assert.doesNotMatch(name.stdout, /billing/);

  const shop = await changed("  string shop = 2;\n", "  reserved 2;\n", () => check());
  assert.match(
    shop.stdout,
    /removing shop\.v1\.GetOrderRequest\.shop breaks web \(set (?:about )?40 times today/,
  );

  const cancel = await changed(/ {2}rpc CancelOrder.*\n/, "", () => check());
  assert.equal(cancel.code, 1);
  assert.match(
    cancel.stdout,
    /removing shop\.v1\.OrderService\/CancelOrder breaks billing \(called 1 time today\)/,
  );

  const archive = await changed(/ {2}rpc ArchiveOrder.*\n/, "", () => check());
  assert.deepEqual([archive.code, /no live caller/.test(archive.stdout)], [0, true], archive.stdout);

  const same = await check();
  assert.deepEqual(
    [same.code, same.stdout],
    [0, "no breaking changes against what is deployed\n"],
    same.stderr,
  );

  const listed = await cli("ps", "--registry", registry, "--json");
  const { instances } = JSON.parse(listed.stdout) as { instances: { contractHash?: string }[] };
  assert.match(instances[0]?.contractHash ?? "", /^[0-9a-f]{16}$/);
});

test("who does not say what it uses is named, and is nobody's proof", async (t) => {
  const registry = await startShop(t);
  const check = (...args: string[]) => cli("contract", "check", "--live", "--registry", registry, ...args);
  await start(t, "orders-process.ts", registry, "orders");
  await start(t, "orders-process.ts", registry, "reports", { SHOP_SILENT: "on" });
  await changed("  string note = 3;\n", "", async () => {
    await until(
      async () => (await check("--json")).stdout.includes('"state":"unknown"'),
      "the contract of orders",
      30_000,
    );
    const found = await check();
    assert.equal(found.code, 0, found.stderr);
    assert.match(found.stdout, /unknown: reports-1 does not say what it uses/);
    assert.doesNotMatch(found.stdout, /no live reader/);
    assert.equal((await check("--strict")).code, 1);
  });
});

test("diff tells what a change breaks, where and for whom, against a revision and an image", async () => {
  const found = await changed("  string legacy_code = 2;\n", "", () => cli("contract", "diff", "HEAD"));
  assert.equal(found.code, 1, found.stderr);
  assert.deepEqual(
    found.stdout.split("\n"),
    [
      "PLACE                         BREAKS            WHAT",
      "proto/shop/v1/shop.proto:11  wire,json,source  field shop.v1.Order.legacy_code = 2 was deleted, and its number and name not reserved",
      "",
    ].map((line) => line.replace("PLACE                         ", "PLACE                        ")),
  );
  const json = await changed("  string legacy_code = 2;\n", "", () =>
    cli("contract", "diff", "contract.binpb", "--json"),
  );
  const { breaks } = JSON.parse(json.stdout) as { breaks: object[] };
  assert.deepEqual(breaks, [
    {
      name: "shop.v1.Order.legacy_code",
      what: "field shop.v1.Order.legacy_code = 2 was deleted, and its number and name not reserved",
      breaks: ["wire", "json", "source"],
      rules: [
        "FIELD_NO_DELETE",
        "FIELD_NO_DELETE_UNLESS_NAME_RESERVED",
        "FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED",
      ],
      place: { file: "proto/shop/v1/shop.proto", line: 11 },
      was: { file: "proto/shop/v1/shop.proto", line: 13 },
    },
  ]);
  const same = await cli("contract", "diff", "HEAD");
  assert.deepEqual([same.code, same.stdout, same.stderr], [0, "no breaking changes\n", ""]);
});

test("what cannot be compared is told, with what to do", async () => {
  const cases: readonly (readonly [string[], number, RegExp])[] = [
    [
      ["diff", "no-such-revision"],
      2,
      /"no-such-revision" is neither a revision that git knows here nor a file/,
    ],
    [["diff", "HEAD", "--proto", "nowhere"], 2, /there is no folder nowhere/],
    [["diff", "proto/shop/v1/shop.proto"], 2, /shop\.proto is no image of a contract/],
    [["diff", "HEAD", "--only", "wire,all"], 2, /it is of wire, json, source, rest, and not "all"/],
    [["diff"], 2, /contract takes diff/],
    [["check"], 2, /contract takes diff/],
    [
      ["check", "--live", "--days", "0"],
      2,
      /it is a number from 1 to 14, and not "0".*\nnext: heddle contract --help shows its options/,
    ],
    [["check", "--live", "--days", "15"], 2, /it is a number from 1 to 14/],
    [["check", "--live", "--registry", "127.0.0.1:1"], 3, /127\.0\.0\.1:1/],
    [["check", "--live", "--registry", "etcd://127.0.0.1:1"], 2, /it asks a control plane of Heddle/],
  ];
  for (const [args, code, text] of cases) {
    const outcome = await cli("contract", ...args);
    assert.equal(outcome.code, code, `${args.join(" ")}: ${outcome.stderr}`);
    assert.match(outcome.stderr, text);
  }
  const broken = await changed("syntax", "sintax", () => cli("contract", "diff", "HEAD"));
  assert.equal(broken.code, 2);
  assert.match(broken.stderr, /shop\.proto:1:1/);
});
