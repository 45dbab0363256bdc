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
      if (signal !== undefined) {
        if (signal.aborted) {
          call.error = call.abortError();
          call.aborted = true;
          return link.up(call);
        }
        joinSignal(signal, call);
      }
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
