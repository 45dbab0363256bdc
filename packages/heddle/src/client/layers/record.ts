import { attachRecord } from "../../call/record.ts";
import { tell } from "../../call/tell.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { ClientCall } from "../call.ts";
import type { ClientLayer } from "../layer.ts";

/** Starts the clock of the call, counts it, gives its record to the error it ends with, and to whoever observes. */
export const record: ClientLayer = {
  name: "record",
  does: "keeps the call record: attempts, instances, time per phase; counts the call; makes its spans where they are kept",
  order: "outermost, so that it sees the call as the caller does",
  create: ({ clock, counts, traces, observe, describe, recent }, link) => ({
    down(call) {
      call.startedAtMs = clock.now();
      call.counts = counts?.of(call.method);
      link.down(call);
    },
    up(call) {
      call.endedAtMs = endOf(call, clock);
      call.counts?.callEnded(call);
      const isStream = call.method.desc.methodKind !== "unary";
      const state = recent?.stateOf(
        call.error !== undefined,
        isStream ? 0 : call.endedAtMs - call.startedAtMs,
      );
      const isTraced = traces?.keeps(call) === true;
      // A call that ends well, that nobody observes and that is not kept needs no record.
      if (observe !== undefined || call.error !== undefined || state !== undefined || isTraced) {
        const made = describe(call);
        if (isTraced) traces.add(call, made);
        if (call.error !== undefined) attachRecord(call.error, made);
        if (state !== undefined) recent?.keep(state, made);
        if (observe !== undefined) tell(observe, made);
      }
      link.up(call);
    },
  }),
};

/** A good answer has just arrived, and when is known already. Of several attempts it may be any whose session that was. */
function endOf({ error, attempts, askedSession, startedAtMs }: ClientCall, clock: Clock): number {
  const arrivedAtMs = error === undefined && attempts === 1 ? askedSession?.usedAtMs : undefined;
  return arrivedAtMs !== undefined && arrivedAtMs >= startedAtMs ? arrivedAtMs : clock.now();
}
