import { HeddleError } from "../../call/errors.ts";
import type { Method } from "../../contract/method.ts";
import { ruleFor } from "../../policy/rule-for.ts";
import { Bulkhead } from "../../resilience/bulkhead.ts";
import type { BulkheadRule } from "../bulkhead-rule.ts";
import type { ServerCall } from "../call.ts";
import type { ServerLayer } from "../layer.ts";
import { refuseCall } from "../refuse-call.ts";

/** No more calls of a rule's methods at a time than the rule says. */
export const bulkhead: ServerLayer = {
  name: "bulkhead",
  does: "refuses calls of methods that have as many under way as the server's bulkheads allow",
  order: "inside admit, which may refuse it for less; outside your code, whose calls it counts",
  create: ({ bulkheads, random }, link) => {
    if (bulkheads.length === 0) return {};
    const ofRules = new Map(bulkheads.map((rule) => [rule, new Bulkhead(rule)]));
    const ofMethods = new Map<Method, Bulkhead | undefined>();

    function bulkheadOf(method: Method): Bulkhead | undefined {
      if (ofMethods.has(method)) return ofMethods.get(method);
      const rule = ruleFor(bulkheads, method.desc.parent.typeName, method.desc.name);
      const found = ofRules.get(rule as BulkheadRule);
      ofMethods.set(method, found);
      return found;
    }

    const settle = (call: ServerCall) => {
      if (!call.ended) link.up(call);
    };

    return {
      down(call) {
        const found = bulkheadOf(call.routed.method);
        if (found === undefined || found.tryEnter()) return link.down(call);
        const { name: method } = call;
        const error = new HeddleError("bulkheadFull", { method, count: found.maxConcurrent });
        refuseCall(call, error, Math.round(leastPushbackMs * (1 + random.next())), settle);
      },
      up(call) {
        bulkheadOf(call.routed.method)?.leave();
        link.up(call);
      },
    };
  },
};

const leastPushbackMs = 100;
