import { attachRecord } from "../../call/record.ts";
import { tell } from "../../call/tell.ts";
import type { ClientLayer } from "../layer.ts";

/** Starts the clock of the call, gives its record to the error it ends with, and to whoever observes. */
export const record: ClientLayer = {
  name: "record",
  does: "keeps the call record: attempts, instances, time per phase",
  order: "outermost, so that it sees the call as the caller does",
  create: ({ clock, observe, target }, link) => ({
    down(call) {
      call.startedAtMs = clock.now();
      link.down(call);
    },
    up(call) {
      // A call that ends well and that nobody observes needs no record, and so no time.
      if (observe !== undefined || call.error !== undefined) {
        call.endedAtMs = clock.now();
        const made = call.toRecord(target);
        if (call.error !== undefined) attachRecord(call.error, made);
        if (observe !== undefined) tell(observe, made);
      }
      link.up(call);
    },
  }),
};
