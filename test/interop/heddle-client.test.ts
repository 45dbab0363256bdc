/** Heddle's client in every protocol and form, over both versions of HTTP, with connect-node's servers. */
import "../kit/trap.ts";
import { connectHttp1Callee } from "../kit/peers/connect-node-http1.ts";
import { connectCallee } from "../kit/peers/connect-node.ts";
import { heddleCallerWith } from "../kit/peers/heddle.ts";
import { allCases } from "./cases/index.ts";
import { type Pair, runSuite } from "./link.ts";

const callees = { "2": connectCallee, "1.1": connectHttp1Callee };

/** What connect-node.test.ts and connect-node-http1.test.ts run often in the other direction. */
const OFTEN = ["connect in json over HTTP/2", "grpc-web in proto over HTTP/1.1"];

for (const protocol of ["grpc-web", "connect"] as const) {
  for (const codec of ["proto", "json"] as const) {
    for (const http of ["2", "1.1"] as const) {
      const name = `${protocol} in ${codec} over HTTP/${http}`;
      const lacks: Pair["lacks"] = {
        ...(codec === "json" ? { exactSizes: "bytes are base64 in JSON" } : {}),
        ...(http === "1.1" ? { bidi: "connect-node refuses them over HTTP/1.1" } : {}),
      };
      runSuite(
        {
          name: `heddle, ${name} → connect-node`,
          caller: heddleCallerWith({ protocol, codec, http }),
          callee: callees[http],
          lacks,
          often: OFTEN.includes(name),
        },
        allCases,
      );
    }
  }
}
