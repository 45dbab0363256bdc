/** Bindings of a contract told in a few lines, with their plans, for tests. */
import { type AnswerPlan, createAnswerPlans } from "./answer-plan.ts";
import { type Binding, bindingsOf } from "./binding.ts";
import { type ContractText, contractOf } from "./contract-of.test.ts";

export function plansOf(text: ContractText): {
  readonly bindings: readonly Binding[];
  readonly plans: ReadonlyMap<Binding, AnswerPlan>;
} {
  const bindings = [...contractOf(text)]
    .filter((type) => type.kind === "service")
    .flatMap((service) => service.methods.flatMap((method) => [...bindingsOf(method)]));
  return { bindings, plans: createAnswerPlans(bindings) };
}
