/** The nested parts of objects of Kubernetes, where what is optional may be missing, null or, in a bad hour, anything. */
import { isObject } from "../fields/json-fields.ts";

export type Fields = Readonly<Record<string, unknown>>;

/** Empty for what is no object. */
export function toFields(value: unknown): Fields {
  return isObject(value) ? value : {};
}

export function fieldsAt(object: Fields, name: string): Fields {
  return toFields(Object.hasOwn(object, name) ? object[name] : undefined);
}

/** Empty where there is no list. */
export function listAt(object: Fields, name: string): readonly unknown[] {
  const value = Object.hasOwn(object, name) ? object[name] : undefined;
  return Array.isArray(value) ? value : [];
}
