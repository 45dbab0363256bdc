/**
 * Which methods of a server are called over plain HTTP as well, and how: those with an annotation `google.api.http`, and
 * if it is asked for all others by convention.
 */
import { type AnswerPlan, createAnswerPlans } from "../contract/rest/answer-plan.ts";
import { type Binding, bindingsOf, createBindings } from "../contract/rest/binding.ts";
import { ANY_METHOD, type BindingRouter, createBindingRouter } from "../contract/rest/binding-router.ts";
import { standardRule } from "../contract/rest/standard-methods.ts";
import type { Implementation } from "./implement.ts";

export interface RestOptions {
  /**
   * Methods without an annotation get a path by the conventions of Google's API guides: `GetOrder` of `shop.v1` is
   * `GET /v1/orders/{order_id}`. Default false.
   */
  readonly conventions?: boolean;
  /** Fields that have their zero value stand in answers too, where zero is the same as absence. Default false. */
  readonly emitZeroValues?: boolean;
  /**
   * A body that can be read, but whose values break the contract's rules, or which the handler refuses with the detail
   * `google.rpc.BadRequest`, is 422 (RFC 9110 §15.5.21). Default true; false: 400, as Google's APIs have it.
   */
  readonly unprocessable?: boolean;
}

export interface RestRoutes {
  readonly router: BindingRouter;
  /** All that its paths have, and those of the other protocols. */
  readonly methods: readonly string[];
  readonly emitZeroValues: boolean;
  readonly unprocessable: boolean;
  /** What contracts say of answers besides their body; most bindings have none. */
  readonly plans: ReadonlyMap<Binding, AnswerPlan>;
}

/** Undefined when no method is called like this. Throws `httpRuleInvalid`. */
export function createRestRoutes(
  implementations: readonly Implementation[],
  { conventions = false, emitZeroValues = false, unprocessable = true }: RestOptions,
): RestRoutes | undefined {
  const bindings: Binding[] = [];
  for (const { service, handler } of implementations) {
    for (const desc of service.methods) {
      if (handler(desc) === undefined) continue;
      const annotated = bindingsOf(desc);
      if (annotated.length > 0) bindings.push(...annotated);
      else if (conventions) bindings.push(...createBindings(desc, standardRule(desc)));
    }
  }
  if (bindings.length === 0) return undefined;
  const ofBindings = bindings.flatMap(({ httpMethod }) => (httpMethod === "*" ? ANY_METHOD : [httpMethod]));
  const methods = [...new Set(["GET", "POST", ...ofBindings])].toSorted();
  const plans = createAnswerPlans(bindings);
  return { router: createBindingRouter(bindings), methods, emitZeroValues, unprocessable, plans };
}
