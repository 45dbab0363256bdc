import { HeddleError } from "../../call/errors.ts";
import type { ClientLayer } from "../layer.ts";
import { isRefused, levelOf } from "../throttles.ts";

/** While the service refuses many calls because it is overloaded, fails some here already (`resilience/throttle.ts`). */
export const throttle: ClientLayer = {
  name: "throttle",
  does: "fails a share of the calls here while the service refuses many for overload, each level of criticality by itself",
  order: "outside retry: what counts is how calls end, not their attempts; a call failed here has none",
  create: ({ throttles, clock }, link) => ({
    down(call) {
      const { levels } = throttles;
      if (levels === undefined || levels[levelOf(call)]?.tryAdmit(call.startedAtMs) !== false)
        return link.down(call);
      call.error = new HeddleError("throttled", { method: call.method.name });
      link.up(call);
    },
    up(call) {
      if (call.error !== undefined && throttles.levels !== undefined && isRefused(call, throttles.codes))
        throttles.levels[levelOf(call)]?.refused(clock.now());
      link.up(call);
    },
  }),
};
