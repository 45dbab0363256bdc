import { currentCall } from "../../call/context.ts";
import { lessCritical } from "../../call/criticality.ts";
import { takeGivenTrace } from "../client-traces.ts";
import type { ClientLayer } from "../layer.ts";

/**
 * Ties the call to the call being served, if it is made inside a handler: its trace, how critical it is, its metadata
 * marked for propagation, its deadline (next layer) and its cancellation (the one after).
 */
export const inherit: ClientLayer = {
  name: "inherit",
  does: "takes trace, criticality and propagated metadata from the call being served",
  order: "outside deadline and cancel, which read the served call from here",
  create: ({ traces }, link) => ({
    down(call) {
      const parent = currentCall();
      if (parent !== undefined) {
        call.parent = parent;
        call.traceId = parent.traceId;
        call.parentSpanId = parent.spanId;
        call.sampled = parent.sampled;
        call.criticality = lessCritical(parent.criticality, call.policy.criticality);
      } else {
        call.criticality = call.policy.criticality;
        traces?.began(call);
      }
      takeGivenTrace(call);
      link.down(call);
    },
  }),
};
