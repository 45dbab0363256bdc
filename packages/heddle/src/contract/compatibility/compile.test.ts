/** Contracts of tests: sources compiled by buf, and what `buf breaking` says of two of them. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Contract, type ContractOptions, readContract } from "./contract.ts";

const buf = fileURLToPath(new URL("../../../../../node_modules/.bin/buf", import.meta.url));
const proto = fileURLToPath(new URL("../../../proto", import.meta.url));

/** Path → source. */
export type Sources = Readonly<Record<string, string>>;

export function compile(sources: Sources, options?: ContractOptions): Contract {
  return readContract(compileImage(sources), options);
}

export function compileImage(sources: Sources): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "heddle-contract-"));
  try {
    for (const [path, text] of Object.entries(sources)) {
      mkdirSync(dirname(join(folder, "proto", path)), { recursive: true });
      writeFileSync(join(folder, "proto", path), text);
    }
    // What the package brings is imported, and not compared.
    const modules = `version: v2\nmodules:\n  - path: proto\n  - path: heddle\n`;
    writeFileSync(join(folder, "buf.yaml"), modules);
    spawnSync("cp", ["-r", proto, join(folder, "heddle")]);
    runBuf(["build", "proto", "-o", "contract.binpb"], folder, 0);
    return readFileSync(join(folder, "contract.binpb"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export interface BufFinding {
  readonly type: string;
  readonly path?: string;
  readonly start_line?: number;
  readonly message: string;
}

export function bufBreaking(
  before: Sources,
  after: Sources,
  category: "FILE" | "WIRE_JSON" | "WIRE",
): readonly BufFinding[] {
  const folder = mkdtempSync(join(tmpdir(), "heddle-contract-"));
  try {
    writeFileSync(join(folder, "before.binpb"), compileImage(before));
    writeFileSync(join(folder, "after.binpb"), compileImage(after));
    const config = JSON.stringify({ version: "v2", breaking: { use: [category] } });
    const args = ["after.binpb", "--against", "before.binpb", "--error-format", "json", "--config", config];
    const output = runBuf(["breaking", ...args], folder, 100);
    return output
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as BufFinding);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function runBuf(args: readonly string[], cwd: string, found: number): string {
  const { status, stdout, stderr } = spawnSync(buf, args, { cwd, encoding: "utf8" });
  assert.ok(status === 0 || status === found, `buf ${args.join(" ")}: ${stderr}${stdout}`);
  return stdout;
}

test("files of others are not part of a contract", () => {
  const { files } = compile({
    "a/v1/a.proto": `syntax = "proto3"; package a.v1; import "google/api/annotations.proto";
      import "google/protobuf/empty.proto"; service A { rpc Get(google.protobuf.Empty) returns (google.protobuf.Empty) {
      option (google.api.http) = { get: "/a" }; } }`,
  });
  assert.deepEqual([...files.keys()], ["a/v1/a.proto"]);
});
