/** Heddle to Heddle, over every kind of address. */
import "../kit/trap.ts";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { heddleCallee, heddleCaller, heddleCallerWith } from "../kit/peers/heddle.ts";
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
    {
      name: `heddle → over ${kind} → heddle`,
      caller: heddleCaller,
      callee: heddleCallee(listen),
      often: true,
    },
    allCases,
  );
}

// Two of the protocols and forms that stand in heddle-client.test.ts, with our own server at the other end.
runSuite(
  {
    name: "heddle, Connect in JSON over HTTP/2 → heddle",
    caller: heddleCallerWith({ protocol: "connect", codec: "json" }),
    callee: heddleCallee(() => "127.0.0.1:0"),
    often: true,
    lacks: { exactSizes: "bytes are base64 in JSON" },
  },
  allCases,
);
runSuite(
  {
    name: "heddle, gRPC-Web over HTTP/1.1 → heddle",
    caller: heddleCallerWith({ protocol: "grpc-web", http: "1.1" }),
    callee: heddleCallee(() => "127.0.0.1:0"),
    often: true,
    lacks: { bidi: "our server refuses them over HTTP/1.1" },
  },
  allCases,
);
