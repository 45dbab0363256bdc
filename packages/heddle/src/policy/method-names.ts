/**
 * Which methods the rules of a config name. Two rules for the same methods are refused, in both forms: nobody could say
 * which of them holds.
 */
import { type Fault, type Path, pathText, show } from "./check-value.ts";
import type { MethodName } from "./service-config.ts";

/** The names of one rule, and the way to each. */
export interface NamedRule {
  readonly names: readonly MethodName[];
  readonly path: Path;
  /** What the field is called that holds them. */
  readonly field: string;
}

/** Adds what is wrong with the names of all rules together. */
export function checkMethodNames(rules: readonly NamedRule[], faults: Fault[]): void {
  const seen = new Map<string, Path>();
  for (const { names, path: rulePath, field } of rules) {
    if (names.length === 0) check({}, rulePath);
    for (const [index, name] of names.entries()) check(name, [...rulePath, field, index]);
  }

  function check({ service = "", method = "" }: MethodName, path: Path): void {
    if (service === "" && method !== "")
      return void faults.push({ path: [...path, "method"], reason: "it needs a service beside it" });
    if (!/^[\w.]*$/.test(service) || !/^\w*$/.test(method))
      return void faults.push({ path, reason: misspelt(service, method) });
    const key = `${service}/${method}`;
    const first = seen.get(key);
    if (first === undefined) seen.set(key, path);
    else
      faults.push({
        path,
        reason: `${whatIsNamed(service, method)} has a rule already, at ${pathText(first)}`,
      });
  }
}

function whatIsNamed(service: string, method: string): string {
  if (service === "") return "what no other rule names";
  return method === "" ? `service ${service}` : `method ${service}/${method}`;
}

function misspelt(service: string, method: string): string {
  const whole = method === "" ? service : `${service}/${method}`;
  const [, name, inside] = /^\/?([\w.]+)\/(\w+)$/.exec(whole) ?? [];
  const meant =
    inside === undefined ? "" : `; did you mean the service ${show(name)} and the method ${show(inside)}?`;
  return `it must be a service such as "shop.v1.OrderService", and a method such as "GetOrder", not ${show(whole)}${meant}`;
}
