import { HeddleError } from "../../call/errors.ts";
import type { Subchannel } from "../../connection/subchannel.ts";
import type { ClientCall, Holder } from "../call.ts";
import type { ClientLayer } from "../layer.ts";
import type { Waiter } from "../waiters.ts";

/** Chooses the instance of the attempt, and waits a while for one when none can be reached. */
export const pick: ClientLayer = {
  name: "pick",
  does: "chooses a ready instance that this call has not tried; waits for one if none is ready",
  order: "first of the attempt: every attempt chooses anew",
  create: ({ endpoints, clock, target }, link) => {
    function chosen(call: ClientCall, subchannel: Subchannel): void {
      call.subchannel = subchannel;
      call.pickedFrom = endpoints.available;
      call.pickedInFlight = ++subchannel.inFlight;
      link.down(call);
    }

    /** A hedge does not wait, and the instance that is slow already gains nothing from a second request. */
    function refuse(call: ClientCall): void {
      const count = endpoints.subchannels.size;
      call.subchannel = undefined;
      call.error = new HeddleError("noneReady", { target, count, reason: "a hedge needs one more instance" });
      link.up(call);
    }

    /** A call in the queue of those that need an instance. */
    class Waiting implements Waiter, Holder {
      readonly call: ClientCall;
      constructor(call: ClientCall) {
        this.call = call;
      }

      onInstance(subchannel: Subchannel): void {
        this.call.holder = undefined;
        this.call.pickedAtMs = clock.now();
        chosen(this.call, subchannel);
      }

      onNoInstance(error: HeddleError): void {
        this.call.holder = undefined;
        this.call.error = error;
        link.up(this.call);
      }

      abort(call: ClientCall): void {
        endpoints.withdraw(this);
        link.up(call);
      }
    }

    return {
      down(call) {
        call.attempts++;
        call.spanId = undefined;
        call.pickedAtMs = 0;
        call.attemptStartedAtMs = call.attempts === 1 ? call.startedAtMs : clock.now();
        const subchannel = endpoints.pick(call, call.attemptStartedAtMs);
        if (call.isHedge && (subchannel === undefined || call.tried?.includes(subchannel) === true))
          return refuse(call);
        if (subchannel !== undefined) return chosen(call, subchannel);
        call.phase = "waiting for an instance";
        call.subchannel = undefined;
        call.waited = true;
        const waiting = new Waiting(call);
        call.holder = waiting;
        endpoints.wait(waiting);
      },
      up(call) {
        const { subchannel } = call;
        if (subchannel !== undefined) endpoints.attemptEnded(call, subchannel);
        link.up(call);
      },
    };
  },
};
