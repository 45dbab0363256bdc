import type { CallRecord } from "../../call/record.ts";
import type { ClientLayer } from "../layer.ts";

/** Starts the clock of the call and hands its record to whoever observes. */
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
      if (observe !== undefined || call.error !== undefined) call.endedAtMs = clock.now();
      if (observe !== undefined) tell(observe, call.toRecord(target));
      link.up(call);
    },
  }),
};

/** An observer that throws must not break the call: its error surfaces as the uncaught exception that it is. */
function tell(observe: (record: CallRecord) => void, record: CallRecord): void {
  try {
    observe(record);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
