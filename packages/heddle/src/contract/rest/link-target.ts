/**
 * Where a link of an answer leads: to a method that is read with GET, to a path, or to a URL elsewhere. What the path needs
 * comes out of the answer, and what is not there out of the request. It is worked out once, so that a name that is
 * misspelt ends the start of the server and not the answer.
 */
import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { nearest } from "../../call/nearest.ts";
import type { Binding, BoundVariable } from "./binding.ts";
import { fieldPath, valueOf } from "./field-path.ts";
import { type FieldText, fieldTextOf } from "./field-text.ts";
import { fillTemplate } from "./fill-template.ts";
import { parsePathTemplate } from "./path-template.ts";
import { encodeSegment } from "./path-text.ts";
import { queryField } from "./query-fields.ts";

export interface LinkTarget {
  /**
   * A URI reference; undefined while a field that it needs is empty. `request` has the fields of path and query, and is
   * asked for only by a target that needs one of them.
   */
  href(answer: Message, request: () => Message): string | undefined;
  /** The same for every answer. */
  readonly fixed: boolean;
  /** The method, if it is one, and where its parameters come from. For documents. */
  readonly method?: {
    readonly binding: Binding;
    readonly parameters: ReadonlyMap<string, LinkSource>;
  };
}

/** A field that a parameter of a link comes from. */
export interface LinkSource {
  readonly side: "answer" | "request";
  readonly path: readonly DescField[];
  readonly text: FieldText;
}

/** `target` as `heddle.options.v1.Link` has it. */
export interface LinkText {
  readonly target: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** All bindings of the server, by `shop.v1.OrderService.GetOrder`. */
export type ServedBindings = ReadonlyMap<string, readonly Binding[]>;

/**
 * The target of a link in the answers of `own`; undefined when it is a method of the contract that this server does not
 * serve. Throws for what cannot be.
 */
export function createLinkTarget(
  own: Binding,
  { target, fields }: LinkText,
  served: ServedBindings,
): LinkTarget | undefined {
  if (target === "") throw new Error("it has no target");
  const mapped = Object.keys(fields).length > 0;
  if (target.startsWith("/")) {
    if (mapped) throw new Error(`${target} names its fields itself, so there are no others`);
    return pathTarget(own, target);
  }
  if (target.includes(":")) {
    if (mapped) throw new Error(`${target} has no fields`);
    return fixedTarget(checkUrl(target));
  }
  const name = target.includes(".") ? target.replace("/", ".") : `${own.method.parent.typeName}.${target}`;
  const binding = served.get(name)?.find(({ httpMethod }) => httpMethod === "GET");
  if (binding !== undefined) return methodTarget(own, binding, fields);
  if (served.has(name)) throw new Error(`${target} is not read with GET`);
  if (!isInContract(own, name)) {
    const near = nearest(
      target,
      own.method.parent.methods.map((each) => each.name),
    );
    throw new Error(`there is no method ${target}${near === undefined ? "" : `; ${near}, perhaps`}`);
  }
  return undefined;
}

/** Throws for what is no URL that can stand in a field of HTTP. */
export function checkUrl(text: string): string {
  if (!URL.canParse(text) || !/^[\x21-\x7e]+$/.test(text) || /[<>"\\^`{|}]/.test(text))
    throw new Error(`"${text}" is no URL`);
  return text;
}

function fixedTarget(href: string): LinkTarget {
  return { fixed: true, href: () => href };
}

function pathTarget(own: Binding, text: string): LinkTarget {
  const template = parsePathTemplate(text);
  const captured = template.variables.reduce((sum, { start, end }) => sum + end - start, 0);
  if (captured < template.segments.filter(({ kind }) => kind !== "literal").length)
    throw new Error(`${text}: a wildcard stands for nothing here`);
  const sources = template.variables.map(({ name }) => sourceNamed(own, name));
  if (sources.length === 0) return fixedTarget(fillTemplate(template, [], () => ""));
  return {
    fixed: false,
    href: (answer, request) => {
      const values = textsOf(sources, answer, request);
      return values && filled(() => fillTemplate(template, template.variables, (_, i) => values[i] ?? ""));
    },
  };
}

function methodTarget(own: Binding, binding: Binding, fields: Readonly<Record<string, string>>): LinkTarget {
  const { template, variables } = binding;
  const inPath = new Set(variables.map(({ name }) => name));
  const pathSources = variables.map((variable) => pathSource(own, variable, fields[variable.name]));
  const others = Object.entries(fields).filter(([name]) => !inPath.has(name));
  const querySources = others.map(([name, from]) => {
    const field = queryField(binding, name);
    if (typeof field === "string") throw new Error(`fields: ${name} of ${binding.method.name}: ${field}`);
    return { ...sourceNamed(own, from), name: field.name };
  });
  const parameters = new Map<string, LinkSource>();
  for (const [i, { name }] of variables.entries()) parameters.set(name, pathSources[i] as LinkSource);
  for (const { name, ...source } of querySources) parameters.set(name, source);
  const method = { binding, parameters };
  if (parameters.size === 0) return { fixed: true, method, href: () => fillTemplate(template, [], () => "") };
  return {
    fixed: false,
    method,
    href(answer, request) {
      const inPath = textsOf(pathSources, answer, request);
      const inQuery = textsOf(querySources, answer, request);
      if (inPath === undefined || inQuery === undefined) return undefined;
      const path = filled(() => fillTemplate(template, variables, (_, i) => inPath[i] ?? ""));
      if (path === undefined || inQuery.length === 0) return path;
      const pairs = inQuery.map((value, i) => `${querySources[i]?.name}=${encodeSegment(value)}`);
      return `${path}?${pairs.join("&")}`;
    },
  };
}

/** `order.order_id` of an update is `order_id` of the order that it answers with. */
function pathSource(own: Binding, { name, path }: BoundVariable, from: string | undefined): LinkSource {
  if (from !== undefined) return sourceNamed(own, from);
  const last = (path.at(-1) as DescField).name;
  const found = findSource(own, name);
  if (typeof found !== "string") return found;
  const short = findSource(own, last);
  if (typeof short !== "string") return short;
  throw new Error(
    `its path needs ${name}, which neither ${own.method.output.typeName} nor the path or query of ${own.method.name} has; say in fields where it comes from`,
  );
}

function sourceNamed(own: Binding, name: string): LinkSource {
  const found = findSource(own, name);
  if (typeof found === "string") throw new Error(found);
  return found;
}

/** In the answer, else in the path or the query of the request; a sentence when there is none. */
function findSource(own: Binding, name: string): LinkSource | string {
  const { method, variables } = own;
  const inAnswer = sourceIn(method.output, name, "answer");
  if (typeof inAnswer !== "string") return inAnswer;
  const inRequest = sourceIn(method.input, name, "request");
  if (typeof inRequest === "string") return inAnswer;
  const isSame = (other: readonly DescField[]) =>
    other.length === inRequest.path.length && other.every((field, i) => field === inRequest.path[i]);
  const isOutside = variables.some(({ path }) => isSame(path)) || typeof queryField(own, name) !== "string";
  return isOutside ? inRequest : inAnswer;
}

function sourceIn(desc: DescMessage, name: string, side: LinkSource["side"]): LinkSource | string {
  const path = fieldPath(desc, name);
  if (typeof path === "string") return `${name}: ${path}`;
  const field = path.at(-1) as DescField;
  const text = field.fieldKind === "list" ? undefined : fieldTextOf(field);
  return text === undefined ? `${name} of ${desc.typeName} has no single value` : { side, path, text };
}

/** Undefined when one is empty. */
function textsOf(
  sources: readonly LinkSource[],
  answer: Message,
  request: () => Message,
): readonly string[] | undefined {
  const texts: string[] = [];
  for (const source of sources) {
    const text = textOf(source, answer, request);
    if (text === undefined || text === "") return undefined;
    texts.push(text);
  }
  return texts;
}

function textOf(
  { side, path, text }: LinkSource,
  answer: Message,
  request: () => Message,
): string | undefined {
  let value: unknown = side === "answer" ? answer : request();
  for (const field of path) {
    if (value === undefined) return undefined;
    value = valueOf(value as Message, field);
  }
  return value === undefined ? undefined : text.write(value);
}

/** A value that the path cannot hold, such as two dots, has no link. */
function filled(fill: () => string): string | undefined {
  try {
    return fill();
  } catch {
    return undefined;
  }
}

/** Whether the contract may have it: of a service in a file that this one does not import nothing is known. */
function isInContract({ method }: Binding, name: string): boolean {
  const dot = name.lastIndexOf(".");
  const [service, methodName] = [name.slice(0, dot), name.slice(dot + 1)];
  const seen = new Set([method.parent.file]);
  // A set goes on over what is added to it.
  for (const file of seen) {
    const found = file.services.find(({ typeName }) => typeName === service);
    if (found !== undefined) return found.methods.some((each) => each.name === methodName);
    for (const dependency of file.dependencies) seen.add(dependency);
  }
  return true;
}
