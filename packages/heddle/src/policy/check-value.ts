/**
 * Holds a value of unknown origin against a table of fields. All that is wrong is found at once, each with the way to
 * it, and a misspelt name with the one that was meant: whoever edits a config in a hurry should need one look.
 */
import { isJsonObject } from "../call/json-object.ts";
import { meantBy } from "./meant-by.ts";
import { statusName } from "../call/status.ts";
import { type BoundsPair, describeKind, type Fields, type Kind, type NumberKind } from "./field.ts";
import { statusCode, statusCodeNames } from "./status-code.ts";

/** Names of fields and positions in lists, from the outside in. */
export type Path = readonly (string | number)[];

export interface Fault {
  readonly path: Path;
  /** What is wrong, without the path. */
  readonly reason: string;
}

/** Such as `methods[0].retry.maxAttempts: it must be …`. */
export function faultText({ path, reason }: Fault): string {
  return path.length === 0 ? reason : `${pathText(path)}: ${reason}`;
}

export function pathText(path: Path): string {
  return path
    .map((part, index) =>
      typeof part === "number"
        ? `[${part}]`
        : /^[A-Za-z_$][\w$]*$/.test(part)
          ? `${index === 0 ? "" : "."}${part}`
          : `["${part.slice(0, 200)}"]`,
    )
    .join("");
}

/** The value in the form that the rest of the program reads: codes by name, nothing that is not in the table. */
export function checkValue(value: unknown, is: Kind, path: Path, faults: Fault[]): unknown {
  const wrong = (reason = `it must be ${describeKind(is)}, not ${show(value)}`): undefined => {
    faults.push({ path, reason });
  };
  switch (is.kind) {
    case "number":
      return isNumberOf(is, value) ? value : wrong();
    case "boolean":
      return typeof value === "boolean" ? value : wrong();
    case "text":
      return typeof value === "string" ? value : wrong();
    case "word":
      return typeof value === "string" && is.words.includes(value)
        ? value
        : wrong(unknownWord(value, is.words));
    case "code":
      return checkCode(value) ?? wrong(unknownWord(value, statusCodeNames));
    case "optional":
      return value === false ? false : checkValue(value, is.of, path, faults);
    case "number or word":
      if (typeof value === "string")
        return is.words.includes(value) ? value : wrong(`it must be ${describeKind(is)}, not ${show(value)}`);
      return isNumberOf(is.number, value) ? value : wrong();
    case "list": {
      if (!Array.isArray(value)) return wrong();
      if (value.length < (is.atLeast ?? 0)) return wrong(`it must hold ${is.atLeast} or more`);
      return value.map((item: unknown, index) => checkValue(item, is.of, [...path, index], faults));
    }
    case "object":
      if (!isJsonObject(value)) return wrong();
      if (is.bounds !== undefined) checkBounds(value, is.bounds, path, faults);
      return checkFields(value, is.fields, path, faults);
    case "choice":
      return checkChoice(value, is.of, path, faults);
  }
}

/** Whoever has more of them knows enough: a config that is none at all has one in each line. */
export const MAX_FAULTS = 1000;

export function checkFields(
  value: Readonly<Record<string, unknown>>,
  fields: Fields,
  path: Path,
  faults: Fault[],
): Record<string, unknown> {
  const checked: Record<string, unknown> = {};
  for (const [name, given] of Object.entries(value)) {
    if (faults.length >= MAX_FAULTS) break;
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined)
      faults.push({ path: [...path, name], reason: unknownField(name, Object.keys(fields)) });
    else if (given !== undefined) checked[name] = checkValue(given, field.is, [...path, name], faults);
  }
  for (const [name, { required, is }] of Object.entries(fields)) {
    if (required === true && value[name] === undefined)
      faults.push({ path: [...path, name], reason: `it is missing: ${describeKind(is)}` });
  }
  return checked;
}

/** What is said of a name that is not known, with the one that may have been meant. */
export function unknownField(name: string, known: readonly string[]): string {
  const meant = meantBy(name, known);
  return `there is no such field; ${meant === undefined ? `there are ${known.join(", ")}` : `did you mean ${meant}?`}`;
}

export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 60));
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "an object";
  return String(value);
}

function unknownWord(value: unknown, words: readonly string[]): string {
  const meant = typeof value === "string" ? meantBy(value, words) : undefined;
  return `it must be one of ${words.join(", ")}, not ${show(value)}${meant === undefined ? "" : `; did you mean ${meant}?`}`;
}

function checkChoice(
  value: unknown,
  choices: Readonly<Record<string, Fields>>,
  path: Path,
  faults: Fault[],
): unknown {
  const names = Object.keys(choices);
  if (typeof value === "string") {
    if (Object.hasOwn(choices, value)) return value;
    faults.push({ path, reason: unknownWord(value, names) });
    return undefined;
  }
  const entries = isJsonObject(value) ? Object.entries(value) : [];
  const [only] = entries;
  if (only === undefined || entries.length !== 1) {
    faults.push({
      path,
      reason: `it must be a name, or an object with one name and its settings, not ${show(value)}`,
    });
    return undefined;
  }
  const [name, settings] = only;
  const fields = Object.hasOwn(choices, name) ? choices[name] : undefined;
  if (fields === undefined) {
    faults.push({ path, reason: unknownWord(name, names) });
    return undefined;
  }
  return { [name]: checkValue(settings, { kind: "object", fields }, [...path, name], faults) };
}

function isNumberOf({ min, max, above, whole, prime }: NumberKind, value: unknown): boolean {
  if (typeof value !== "number" || !Number.isFinite(value)) return false;
  if (whole === true && !Number.isInteger(value)) return false;
  if (!(above === true ? value > min : value >= min) || value > max) return false;
  // Last: of a number without bounds it takes seconds.
  return prime !== true || isPrime(value);
}

function checkBounds(
  value: Readonly<Record<string, unknown>>,
  { least, most, otherwise }: BoundsPair,
  path: Path,
  faults: Fault[],
): void {
  const { [least]: low = otherwise[0], [most]: high = otherwise[1] } = value;
  if (typeof low !== "number" || typeof high !== "number" || low <= high) return;
  const isGiven = value[least] !== undefined;
  faults.push({
    path: [...path, isGiven ? least : most],
    reason: isGiven
      ? `it must not be more than ${most}, which is ${high}`
      : `it must not be less than ${least}, which is ${low}`,
  });
}

/** Of whole numbers up to some millions. */
function isPrime(value: number): boolean {
  for (let divisor = 2; divisor * divisor <= value; divisor++) if (value % divisor === 0) return false;
  return value >= 2;
}

function checkCode(value: unknown): string | undefined {
  const code = typeof value === "string" ? statusCode(value) : typeof value === "number" ? value : undefined;
  if (code === undefined || !Number.isInteger(code) || code < 1 || code > statusCodeNames.length)
    return undefined;
  return statusName(code);
}
