import type { ServerCall } from "../call.ts";
import { chooseProtocol, isPage, isRefusal } from "../choose-protocol.ts";
import { readForPage } from "../http-page.ts";
import { DroppingReader, writeHttpRefusal } from "../http-refusal.ts";
import type { ServerLayer } from "../layer.ts";
import { refuseUnsendable } from "../unsendable.ts";

/** Understands the head of the request. What comes back up, an answer or an error, is written here. */
export const protocol: ServerLayer = {
  name: "protocol",
  does: "tells gRPC, gRPC-Web, Connect and REST apart, reads timeout, form and compression; writes answer and status",
  order: "outermost of the call: every outcome, also a refusal, becomes an answer here",
  create: (parts, link) => {
    function up(call: ServerCall): void {
      if (call.ended) return;
      refuseUnsendable(call, parts);
      call.protocol?.writeOutcome(call);
      call.settle();
      link.up(call);
    }

    return {
      down(call) {
        const choice = chooseProtocol(call, parts);
        if (isRefusal(choice)) {
          call.error = choice.error();
          const refuse = () => {
            if (call.ended) return;
            writeHttpRefusal(call, choice);
            call.settle();
          };
          call.finish = refuse;
          call.reader = new DroppingReader(call, refuse);
          return;
        }
        if (isPage(choice)) {
          const done = () => {
            if (!call.ended) call.settle();
          };
          call.finish = done;
          call.reader = readForPage(choice.page, call, parts, done);
          return;
        }
        const { protocol, request } = choice;
        call.protocol = protocol;
        call.path = request.path;
        call.form = request.form;
        call.requestEncoding = request.requestEncoding;
        call.responseEncoding = request.responseEncoding;
        call.timeoutLimitMs = request.timeoutMs;
        if (request.fault === undefined) return link.down(call);
        call.error = request.fault();
        up(call);
      },
      up,
    };
  },
};
