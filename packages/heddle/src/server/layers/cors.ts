import { findField } from "../../call/metadata.ts";
import { preflightOrigin } from "../cors.ts";
import { DroppingReader } from "../http-refusal.ts";
import type { ServerCall } from "../call.ts";
import type { ServerLayer } from "../layer.ts";

/** Answers the preflights of browsers, and lets pages of named origins see what is answered. */
export const cors: ServerLayer = {
  name: "cors",
  does: "tells browsers which pages of other origins may call; off unless origins are named",
  order: "outside the protocol: refusals are for pages to see as well, and a preflight speaks no protocol",
  create: (parts, link) => {
    const policy = parts.cors;
    if (policy === undefined) return {};

    function finishPreflight(call: ServerCall, origin: string): void {
      if (call.ended || policy === undefined) return;
      const granted = policy.preflight(origin, parts.rest?.methods);
      if (!call.over) {
        if (granted === undefined) call.sendHead(403, ["content-length", "0", ...policy.answer(undefined)]);
        else call.sendHead(204, granted);
        call.sendEnd();
        call.flush();
      }
      call.settle();
    }

    return {
      down(call) {
        const { method, fields } = call.head;
        const origin = preflightOrigin(method, fields);
        if (origin === undefined) {
          call.answerFields = policy.answer(findField(fields, "origin"));
          return link.down(call);
        }
        const finish = () => finishPreflight(call, origin);
        call.finish = finish;
        call.reader = new DroppingReader(call, finish);
      },
    };
  },
};
