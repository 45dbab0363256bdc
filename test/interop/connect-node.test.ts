/** Heddle and connect-node, speaking gRPC, both ways. */
import "../kit/trap.ts";
import { connectCallee, connectCaller } from "../kit/peers/connect-node.ts";
import { heddleCallee, heddleCaller } from "../kit/peers/heddle.ts";
import { allCases } from "./cases/index.ts";
import { runSuite } from "./link.ts";

runSuite(
  { name: "connect-node → heddle", caller: connectCaller, callee: heddleCallee(() => "127.0.0.1:0") },
  allCases,
);
runSuite({ name: "heddle → connect-node", caller: heddleCaller, callee: connectCallee }, allCases);
