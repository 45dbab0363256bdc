/** Reading JSON that anybody may have written, field by field: what isn't what it should be is as if it weren't there. */

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Empty where there is no text. */
export function textAt(object: Readonly<Record<string, unknown>>, name: string): string {
  const value = Object.hasOwn(object, name) ? object[name] : undefined;
  return typeof value === "string" ? value : "";
}

/** The texts of a map; its other values are left out. */
export function textsAt(
  object: Readonly<Record<string, unknown>>,
  name: string,
): Readonly<Record<string, string>> {
  const value = Object.hasOwn(object, name) ? object[name] : undefined;
  if (!isObject(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((pair): pair is [string, string] => typeof pair[1] === "string"),
  );
}
