/**
 * connect-node's clients over HTTP/1.1 to Heddle. Protocol and form are independent of the version of HTTP, and
 * connect-node.test.ts has all pairs of them over HTTP/2; two are enough here.
 */
import "../kit/trap.ts";
import { connectHttp1Caller } from "../kit/peers/connect-node-http1.ts";
import { heddleCallee } from "../kit/peers/heddle.ts";
import { allCases } from "./cases/index.ts";
import { runSuite } from "./link.ts";

const callee = heddleCallee(() => "127.0.0.1:0");

runSuite(
  {
    name: "connect-node, gRPC-Web in binary over HTTP/1.1 → heddle",
    caller: connectHttp1Caller("gRPC-Web", "binary"),
    callee,
    often: true,
  },
  allCases,
);
runSuite(
  {
    name: "connect-node, Connect in JSON over HTTP/1.1 → heddle",
    caller: connectHttp1Caller("Connect", "JSON"),
    callee,
    lacks: { exactSizes: "bytes are base64 in JSON" },
  },
  allCases,
);
