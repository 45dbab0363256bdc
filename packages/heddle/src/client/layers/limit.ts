import { HeddleError } from "../../call/errors.ts";
import type { MethodConfig } from "../../policy/service-config.ts";
import { Bulkhead, type Queued } from "../../resilience/bulkhead.ts";
import type { ClientCall, Holder } from "../call.ts";
import type { ClientLayer } from "../layer.ts";

/** Bulkheads: the methods of a rule together have no more calls under way than the rule says. */
export const limit: ClientLayer = {
  name: "limit",
  does: "lets no more calls of a rule's methods be under way than the rule says (maxConcurrent)",
  order:
    "outside retry: a call has its place until it is over; inside deadline and cancel, which end the wait",
  create: (_parts, link) => {
    const bulkheads = new WeakMap<MethodConfig, Bulkhead>();

    function bulkheadOf({ policy: { rule, maxConcurrent, maxQueued } }: ClientCall): Bulkhead | undefined {
      if (rule === undefined) return undefined;
      let bulkhead = bulkheads.get(rule);
      if (bulkhead === undefined) {
        bulkhead = new Bulkhead({ maxConcurrent, maxQueued });
        bulkheads.set(rule, bulkhead);
      }
      return bulkhead;
    }

    /** A call that waits for a place. */
    class Waiting implements Queued, Holder {
      readonly #call: ClientCall;
      readonly #bulkhead: Bulkhead;

      constructor(call: ClientCall, bulkhead: Bulkhead) {
        this.#call = call;
        this.#bulkhead = bulkhead;
      }

      onPlace(): void {
        this.#call.holder = undefined;
        link.down(this.#call);
      }

      abort(call: ClientCall): void {
        this.#bulkhead.withdraw(this);
        link.up(call);
      }
    }

    function enter(call: ClientCall): void {
      const bulkhead = bulkheadOf(call);
      if (bulkhead === undefined || bulkhead.tryEnter()) return link.down(call);
      const waiting = new Waiting(call, bulkhead);
      if (bulkhead.tryQueue(waiting)) {
        call.phase = "waiting for a place";
        call.waited = true;
        call.holder = waiting;
        return;
      }
      const count = bulkhead.maxConcurrent;
      call.error = new HeddleError("limitReached", { what: call.method.name, count });
      link.up(call);
    }

    return {
      down(call) {
        if (call.policy.maxConcurrent === Number.POSITIVE_INFINITY) return link.down(call);
        enter(call);
      },
      // Only calls that have a place come this way.
      up(call) {
        if (call.policy.maxConcurrent !== Number.POSITIVE_INFINITY) bulkheadOf(call)?.leave();
        link.up(call);
      },
    };
  },
};
