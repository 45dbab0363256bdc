/**
 * Checks of settings, the same for client and server: what makes no sense is refused when it is given, with the
 * option's name, and not found later as a call that hangs. All throw `optionInvalid`.
 */
import { HeddleError } from "./errors.ts";

/** The value, when it is a number and not below `minimum`. `Infinity` passes. */
export function atLeast(option: string, value: number, minimum: number): number {
  if (typeof value === "number" && value >= minimum) return value;
  throw invalidOption(option, `it must be a number of at least ${minimum}, not ${String(value)}`);
}

/** The value, when it is a finite number and not below `minimum`. */
export function finiteAtLeast(option: string, value: number, minimum: number): number {
  if (atLeast(option, value, minimum) !== Number.POSITIVE_INFINITY) return value;
  throw invalidOption(option, "it must be finite");
}

/** The value, when it is one of `allowed`. */
export function oneOf<Value>(option: string, value: Value, allowed: readonly Value[]): Value {
  if (allowed.includes(value)) return value;
  throw invalidOption(option, `it must be one of ${allowed.join(", ")}, not ${String(value)}`);
}

export function invalidOption(option: string, reason: string): HeddleError {
  return new HeddleError("optionInvalid", { option, reason });
}
