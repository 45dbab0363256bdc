/** Reading JSON that anybody may have written, field by field: what isn't what it should be is as if it weren't there. */
import { isJsonObject } from "../../call/json-object.ts";

/** A JSON object of which nothing is known yet. */
export type Fields = Readonly<Record<string, unknown>>;

/** Empty for what is no object. */
export function toFields(value: unknown): Fields {
  return isJsonObject(value) ? value : {};
}

/** Empty where there is no object. */
export function fieldsAt(object: Fields, name: string): Fields {
  return toFields(valueAt(object, name));
}

/** Empty where there is no text. */
export function textAt(object: Fields, name: string): string {
  const value = valueAt(object, name);
  return typeof value === "string" ? value : "";
}

/** The texts of a map; its other values are left out. */
export function textsAt(object: Fields, name: string): Readonly<Record<string, string>> {
  const pairs = Object.entries(fieldsAt(object, name));
  return Object.fromEntries(pairs.filter((pair): pair is [string, string] => typeof pair[1] === "string"));
}

/** Empty where there is no list. */
export function listAt(object: Fields, name: string): readonly unknown[] {
  const value = valueAt(object, name);
  return Array.isArray(value) ? value : [];
}

/** The texts of a list; what else stands in it is left out. */
export function textListAt(object: Fields, name: string): readonly string[] {
  return listAt(object, name).filter((one) => typeof one === "string");
}

/** `undefined` for what only the prototype has. */
function valueAt(object: Fields, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}
