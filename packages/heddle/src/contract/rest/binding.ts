/**
 * Bindings: the ways to call a method over plain HTTP, as its annotation `google.api.http` tells them, checked against
 * the contract when they are made. Each field of a request has one place: in the path, in the body, or in the query.
 *
 * A rule that cannot be served is an error at the start, with the method and the reason, and not a 404 later.
 * Source: https://github.com/googleapis/googleapis/blob/master/google/api/http.proto
 */
import { type DescField, type DescMethod, getOption, hasOption } from "@bufbuild/protobuf";
import { HeddleError, reasonText } from "../../call/errors.ts";
import { http } from "../../gen/google/api/annotations_pb.ts";
import type { HttpRule } from "../../gen/google/api/http_pb.ts";
import { fieldNamed, fieldPath } from "./field-path.ts";
import { type FieldText, fieldTextOf } from "./field-text.ts";
import { parsePathTemplate, type PathTemplate, type PathVariable } from "./path-template.ts";

export interface Binding {
  readonly method: DescMethod;
  /** In capitals; `*` for every one. */
  readonly httpMethod: string;
  readonly template: PathTemplate;
  /** In the order of the template. */
  readonly variables: readonly BoundVariable[];
  readonly body: BindingBody;
  /** The field of the response that is the body; undefined for the whole response. */
  readonly responseBody: DescField | undefined;
}

export interface BoundVariable extends PathVariable {
  /** The fields on the way to the one that it fills, which stands last. */
  readonly path: readonly DescField[];
  readonly text: FieldText;
}

export type BindingBody =
  /** All that is not in the path is in the query. */
  | { readonly kind: "none" }
  /** `*`: all that is not in the path is in the body. There is no query. */
  | { readonly kind: "all" }
  /** One field is the body; the others are in the path and in the query. */
  | { readonly kind: "field"; readonly field: DescField };

/** A rule without what only an annotation has. */
export type BindingRule = Pick<HttpRule, "pattern" | "body" | "responseBody">;

/**
 * The bindings of a method's annotation, the first one first; none when it has no annotation.
 * Throws `httpRuleInvalid`.
 */
export function bindingsOf(method: DescMethod): readonly Binding[] {
  let bindings = annotated.get(method);
  if (bindings === undefined) {
    bindings = hasOption(method, http) ? createBindings(method, getOption(method, http)) : [];
    annotated.set(method, bindings);
  }
  return bindings;
}

/** The bindings of a rule that comes from elsewhere, with its additional ones. Throws `httpRuleInvalid`. */
export function createBindings(method: DescMethod, rule: HttpRule): readonly Binding[] {
  return [rule, ...rule.additionalBindings].map((each, i) => {
    if (i > 0 && each.additionalBindings.length > 0)
      throw invalid(method, "additional_bindings within additional_bindings");
    if (each.selector !== "")
      throw invalid(method, "a selector is for rules that stand outside of the contract");
    return createBinding(method, each);
  });
}

/** Throws `httpRuleInvalid`. */
export function createBinding(method: DescMethod, rule: BindingRule): Binding {
  try {
    const { httpMethod, path } = patternOf(rule);
    const template = parsePathTemplate(path);
    const body = bodyOf(method, rule.body);
    if (rule.body !== "" && NO_BODY.has(httpMethod))
      throw new Error(`a ${httpMethod} has no body, but the rule says body: "${rule.body}"`);
    return {
      method,
      httpMethod,
      template,
      variables: template.variables.map((variable) => bind(method, variable)),
      body,
      responseBody: responseBodyOf(method, rule.responseBody),
    };
  } catch (error) {
    throw invalid(method, reasonText(error), error);
  }
}

/** A stream of requests: lines of a body, or the frames of a WebSocket. */
export function streamsRequests({ methodKind }: DescMethod): boolean {
  return methodKind === "client_streaming" || methodKind === "bidi_streaming";
}

/** Whether its method of HTTP has no body: a stream of requests needs a WebSocket then. */
export function hasNoBody({ httpMethod }: Pick<Binding, "httpMethod">): boolean {
  return NO_BODY.has(httpMethod);
}

const annotated = new WeakMap<DescMethod, readonly Binding[]>();

/** RFC 9110 §9.3.1 gives their content no meaning, and intermediaries drop it. */
const NO_BODY: ReadonlySet<string> = new Set(["GET", "HEAD"]);

function patternOf({ pattern }: BindingRule): { readonly httpMethod: string; readonly path: string } {
  switch (pattern.case) {
    case undefined:
      throw new Error("it has no path: say get, put, post, delete, patch or custom");
    case "custom": {
      const { kind, path } = pattern.value;
      if (kind !== "*" && !TOKEN.test(kind)) throw new Error(`custom kind "${kind}" is no HTTP method`);
      if (RESERVED.has(kind.toUpperCase())) throw new Error(`${kind} is answered by the server itself`);
      return { httpMethod: kind.toUpperCase(), path };
    }
    default:
      return { httpMethod: pattern.case.toUpperCase(), path: pattern.value };
  }
}

/** RFC 9110 §5.6.2, letters only: methods are told from each other by nothing else. */
const TOKEN = /^[A-Za-z][A-Za-z-]{0,31}$/;
const RESERVED: ReadonlySet<string> = new Set(["OPTIONS", "CONNECT", "TRACE"]);

function bodyOf(method: DescMethod, body: string): BindingBody {
  const { input } = method;
  // Messages that come one by one have no other place.
  if (body === "") return { kind: streamsRequests(method) ? "all" : "none" };
  if (body === "*") return { kind: "all" };
  const field = fieldNamed(input, body);
  if (field === undefined) throw new Error(`body: ${input.typeName} has no field "${body}"`);
  return { kind: "field", field };
}

function responseBodyOf({ output }: DescMethod, name: string): DescField | undefined {
  if (name === "") return undefined;
  const field = fieldNamed(output, name);
  if (field === undefined) throw new Error(`response_body: ${output.typeName} has no field "${name}"`);
  return field;
}

function bind(method: DescMethod, variable: PathVariable): BoundVariable {
  const { name } = variable;
  const path = fieldPath(method.input, name);
  if (typeof path === "string") throw new Error(`variable ${name}: ${path}`);
  const field = path.at(-1) as DescField;
  if (field.fieldKind === "list" || field.fieldKind === "map")
    throw new Error(
      `variable ${name} is ${field.fieldKind === "map" ? "a map" : "repeated"}, and a path has one value`,
    );
  const text = fieldTextOf(field);
  if (text === undefined) throw new Error(`variable ${name} is a message, and a path holds texts`);
  return { ...variable, path, text };
}

function invalid(method: DescMethod, reason: string, cause?: unknown): HeddleError {
  const name = `${method.parent.typeName}/${method.name}`;
  return new HeddleError("httpRuleInvalid", { method: name, reason }, { cause });
}
