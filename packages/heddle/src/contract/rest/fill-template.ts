/**
 * A path from its template and the values of its variables: what a client calls, and where links lead.
 */
import type { PathSegment, PathTemplate, PathVariable } from "./path-template.ts";
import { hasDots } from "./path-template.ts";
import { encodeSegment, encodeSegments } from "./path-text.ts";

/** `valueOf` gets a variable and its place among the variables. Throws for a value that the template does not match. */
export function fillTemplate<T extends PathVariable>(
  { segments, verb }: Pick<PathTemplate, "segments" | "verb">,
  variables: readonly T[],
  valueOf: (variable: T, index: number) => string,
): string {
  const parts: string[] = [];
  for (let i = 0; i < segments.length; ) {
    const index = variables.findIndex(({ start }) => start === i);
    const variable = variables[index];
    if (variable === undefined) {
      parts.push(writeOutside(segments[i++] as PathSegment));
      continue;
    }
    const value = valueOf(variable, index);
    checkMatch(variable, segments.slice(variable.start, variable.end), value);
    // `**` may be no segment at all.
    if (value !== "") parts.push(variable.single ? encodeSegment(value) : encodeSegments(value));
    i = variable.end;
  }
  return `/${parts.join("/")}${verb === undefined ? "" : `:${encodeSegment(verb)}`}`;
}

/** A wildcard that no variable captures has no value: any will do. */
function writeOutside(segment: PathSegment): string {
  return segment.kind === "literal" ? encodeSegment(segment.text) : "-";
}

/** Throws when the value is not what the variable's part of the template matches. */
function checkMatch({ name, single }: PathVariable, segments: readonly PathSegment[], value: string): void {
  const parts = single ? [value] : value === "" ? [] : value.split("/");
  const isMatch = segments.every((segment, i) => {
    if (segment.kind === "rest") return parts.length - i < 2 || parts[i] !== "";
    const part = parts[i];
    return segment.kind === "one" ? part !== undefined && part !== "" : part === segment.text;
  });
  const isWhole = parts.length <= segments.length || segments.at(-1)?.kind === "rest";
  if (!isMatch || !isWhole) {
    const shown = segments
      .map((segment) => SHOWN[segment.kind] ?? (segment as { text: string }).text)
      .join("/");
    throw new Error(`${name} stands in the path, and "${value}" is not of the form ${shown}`);
  }
  if (hasDots(value)) throw new Error(`${name} stands in the path, where "${value}" means another path`);
}

const SHOWN: Partial<Record<PathSegment["kind"], string>> = { one: "*", rest: "**" };
