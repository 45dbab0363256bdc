import { SERVED_CALL_ENDED } from "../../call/context.ts";
import { HeddleError } from "../../call/errors.ts";
import type { ClientCall } from "../call.ts";
import { joinSignal, leaveSignal } from "../signal-calls.ts";
import type { ClientLayer } from "../layer.ts";

/** Ends the call when its caller gives up: by the `signal` option, or because the served call was cancelled. */
export const cancel: ClientLayer = {
  name: "cancel",
  does: "ends the call when its signal aborts or the served call is cancelled",
  order: "outside retry: a cancelled call makes no further attempt",
  create: (_parts, link) => ({
    down(call) {
      const { signal, parent } = call;
      const error =
        signal?.aborted === true ? call.abortError() : parent?.failed === true ? orphaned(call) : undefined;
      if (error !== undefined) {
        call.error = error;
        call.aborted = true;
        return link.up(call);
      }
      if (signal !== undefined) joinSignal(signal, call);
      parent?.adopt(call);
      link.down(call);
    },
    up(call) {
      if (call.signal !== undefined) leaveSignal(call.signal, call);
      call.parent?.release(call);
      link.up(call);
    },
  }),
};

/** A handler that goes on after its call has failed does not set others to work: nobody waits for it. */
function orphaned(call: ClientCall): HeddleError {
  return new HeddleError("cancelled", { method: call.method.name, reason: SERVED_CALL_ENDED });
}
