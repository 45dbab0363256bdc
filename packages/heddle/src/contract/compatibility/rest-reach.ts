/** What of a contract callers over plain HTTP see: the methods that have a path there, and all types that these reach. */
import type { DescEnum, DescMessage, DescMethod } from "@bufbuild/protobuf";
import { declaredErrorsOf } from "../declared-errors.ts";
import { type Binding, bindingsOf, createBindings } from "../rest/binding.ts";
import { standardRule } from "../rest/standard-methods.ts";
import type { Contract } from "./contract.ts";

export interface RestReach {
  readonly methods: ReadonlySet<string>;
  /** Full names of messages and enums. */
  readonly types: ReadonlySet<string>;
}

export function restReachOf(contract: Contract): RestReach {
  const methods = new Set<string>();
  const types = new Set<string>();
  for (const { typeName, methods: all } of contract.services.values()) {
    for (const method of all) {
      if (restBindingsOf(method, contract).length === 0) continue;
      methods.add(`${typeName}/${method.name}`);
      for (const type of typesFrom([method.input, method.output, ...errorDetailsOf(method)]))
        types.add(type.typeName);
    }
  }
  return { methods, types };
}

/** The messages that travel with the errors that the contract declares for a method. None where they cannot be read. */
export function errorDetailsOf(method: DescMethod): readonly DescMessage[] {
  try {
    return declaredErrorsOf(method).flatMap(({ detail }) => detail ?? []);
  } catch {
    // The server of such a contract does not start, and says why.
    return [];
  }
}

/** By annotation, or by convention where the contract is served so. None for a rule that cannot be served. */
export function restBindingsOf(
  method: DescMethod,
  { conventions }: Pick<Contract, "conventions">,
): readonly Binding[] {
  try {
    const annotated = bindingsOf(method);
    if (annotated.length > 0 || !conventions) return annotated;
    return createBindings(method, standardRule(method));
  } catch {
    // The server of such a contract does not start, and says why.
    return [];
  }
}

/** These and all that their fields hold, each once. */
export function typesFrom(roots: readonly DescMessage[]): ReadonlySet<DescMessage | DescEnum> {
  const types = new Set<DescMessage | DescEnum>();
  const waiting: DescMessage[] = [...roots];
  for (let desc = waiting.pop(); desc !== undefined; desc = waiting.pop()) {
    if (types.has(desc)) continue;
    types.add(desc);
    for (const field of desc.fields) {
      if (field.message !== undefined) waiting.push(field.message);
      if (field.enum !== undefined) types.add(field.enum);
    }
  }
  return types;
}
