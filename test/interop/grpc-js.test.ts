/** Heddle and grpc-js, both ways. */
import "../kit/trap.ts";
import { grpcJsCallee } from "../kit/peers/grpc-js-callee.ts";
import { grpcJsCaller } from "../kit/peers/grpc-js-caller.ts";
import { heddleCallee, heddleCaller } from "../kit/peers/heddle.ts";
import { allCases } from "./cases/index.ts";
import { runSuite } from "./link.ts";

const newCompressions = "it knows gzip and deflate only";

runSuite(
  {
    name: "grpc-js → heddle",
    caller: grpcJsCaller,
    callee: heddleCallee(() => "127.0.0.1:0"),
    lacks: { newCompressions },
    often: true,
  },
  allCases,
);

runSuite(
  {
    name: "heddle → grpc-js",
    caller: heddleCaller,
    callee: grpcJsCallee,
    lacks: { newCompressions, compressedAnswers: "its server does not compress" },
    often: true,
  },
  allCases,
);
