/**
 * A path of `google.api.http` as OpenAPI has them: a parameter is one segment in braces. What a variable captures beyond one
 * wildcard is written out: `/v1/{name=shops/*}/orders` is `/v1/shops/{name}/orders`.
 */
import type { Binding, BoundVariable } from "../rest/binding.ts";

export interface OpenApiPath {
  readonly text: string;
  /** The same for all paths that differ in nothing but the names of parameters: OpenAPI wants these to be one. */
  readonly shape: string;
  readonly parameters: readonly PathParameter[];
}

export interface PathParameter {
  readonly name: string;
  /** Undefined for a wildcard that nobody captures. */
  readonly variable: BoundVariable | undefined;
  /** Whether it is all that the variable is. */
  readonly isWhole: boolean;
  /** It may hold slashes. */
  readonly isRest: boolean;
}

export function openApiPath({ template, variables }: Binding): OpenApiPath {
  const parameters: PathParameter[] = [];
  const wildcardsIn = ({ start, end }: BoundVariable) =>
    template.segments.slice(start, end).filter(({ kind }) => kind !== "literal").length;
  const counts = new Map<BoundVariable | undefined, number>();
  const pieces = template.segments.map((segment, i) => {
    if (segment.kind === "literal") return encodeURIComponent(segment.text);
    const variable = variables.find(({ start, end }) => start <= i && i < end);
    const count = (counts.get(variable) ?? 0) + 1;
    counts.set(variable, count);
    const base = variable?.name ?? "segment";
    const isOnly = variable !== undefined && wildcardsIn(variable) === 1;
    const name = isOnly ? base : `${base}_${count}`;
    const isWhole = variable !== undefined && variable.end - variable.start === 1;
    parameters.push({ name, variable, isWhole, isRest: segment.kind === "rest" });
    return `{${name}}`;
  });
  // A variable of literals only has one value, which stands in the path.
  const verb = template.verb === undefined ? "" : `:${encodeURIComponent(template.verb)}`;
  const text = `/${pieces.join("/")}${verb}`;
  return { text, shape: text.replace(/\{[^}]*\}/g, "{}"), parameters };
}
