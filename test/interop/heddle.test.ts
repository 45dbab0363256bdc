/** Heddle to Heddle, over every kind of address. */
import "../kit/trap.ts";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { heddleCallee, heddleCaller } from "../kit/peers/heddle.ts";
import { allCases } from "./cases/index.ts";
import { runSuite } from "./link.ts";

const folder = mkdtempSync(join(tmpdir(), "heddle-interop-"));
after(() => rmSync(folder, { recursive: true }));

let names = 0;
const listens: Readonly<Record<string, () => string>> = {
  TCP: () => "127.0.0.1:0",
  "a Unix socket": () => `unix:${folder}/${++names}.sock`,
  memory: () => `memory:interop-${++names}`,
};

for (const [kind, listen] of Object.entries(listens)) {
  runSuite(
    { name: `heddle → over ${kind} → heddle`, caller: heddleCaller, callee: heddleCallee(listen) },
    allCases,
  );
}
