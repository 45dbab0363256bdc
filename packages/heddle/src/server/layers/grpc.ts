import type { ServerCall } from "../call.ts";
import { refuseUnsendable, writeOutcome } from "../grpc-answer.ts";
import { readGrpcRequest } from "../grpc-request.ts";
import { DroppingReader } from "../http-refusal.ts";
import type { ServerLayer } from "../layer.ts";

/** gRPC over HTTP/2, the server's side of it. What comes back up, an answer or an error, is written here. */
export const grpc: ServerLayer = {
  name: "grpc",
  does: "reads content type, timeout and compression of the request; writes answer and status",
  order: "outermost of the call: every outcome, also a refusal, becomes a gRPC answer here",
  create: (parts, link) => {
    function up(call: ServerCall): void {
      if (call.ended) return;
      refuseUnsendable(call, parts);
      writeOutcome(call);
      call.settle();
      call.session.streamEnded();
    }
    return {
      down(call) {
        const request = readGrpcRequest(call.head);
        if (request.fault !== undefined) {
          call.error = request.fault();
          if (request.httpStatus === 200) return up(call);
          call.finish = up;
          call.reader = new DroppingReader(call, () => up(call));
          return;
        }
        call.timeoutLimitMs = request.timeoutMs;
        call.compressed = request.compressed;
        call.compresses = parts.sendGzip && request.acceptsGzip;
        link.down(call);
      },
      up,
    };
  },
};
