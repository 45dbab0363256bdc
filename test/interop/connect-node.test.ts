/**
 * Heddle and connect-node: gRPC both ways, and connect-node's clients in all protocols and both forms. One of them often:
 * grpc-js.test.ts has gRPC, and connect-node-http1.test.ts gRPC-Web.
 */
import "../kit/trap.ts";
import { connectCallee, connectCaller } from "../kit/peers/connect-node.ts";
import { heddleCallee, heddleCaller } from "../kit/peers/heddle.ts";
import { allCases } from "./cases/index.ts";
import { runSuite } from "./link.ts";

for (const protocol of ["gRPC", "gRPC-Web", "Connect"] as const) {
  for (const form of ["binary", "JSON"] as const) {
    runSuite(
      {
        name: `connect-node, ${protocol} in ${form} → heddle`,
        caller: connectCaller(protocol, form),
        callee: heddleCallee(() => "127.0.0.1:0"),
        lacks: form === "JSON" ? { exactSizes: "bytes are base64 in JSON" } : {},
        often: protocol === "Connect" && form === "JSON",
      },
      allCases,
    );
  }
}

runSuite({ name: "heddle → connect-node", caller: heddleCaller, callee: connectCallee }, allCases);
