/**
 * The HTTP request that a request message is sent as: what a REST client needs. What `readRequest` makes of it is the
 * same message; only an empty message that would stand in the query is lost, for a query has no form for it.
 */
import {
  create,
  type DescField,
  type DescMessage,
  isMessage,
  type JsonObject,
  type Message,
  type MessageInitShape,
  type Registry,
  toJson,
} from "@bufbuild/protobuf";
import { HeddleError, reasonText } from "../../call/errors.ts";
import { isImplicit } from "../codec/field-form.ts";
import type { Binding, BoundVariable } from "./binding.ts";
import { MAX_DEPTH, valueOf } from "./field-path.ts";
import { fieldTextOf } from "./field-text.ts";
import { fillTemplate } from "./fill-template.ts";
import { rawBodyOf, writeRawBody } from "./http-body.ts";
import { encodeSegment } from "./path-text.ts";
import { isEntered } from "./query-fields.ts";
import type { BodyContent } from "./read-request.ts";

export interface WrittenRequest {
  readonly binding: Binding;
  readonly httpMethod: string;
  readonly path: string;
  /** Without a question mark; empty when there is none. */
  readonly query: string;
  readonly body: BodyContent | undefined;
}

/**
 * Of a message, or of the plain object that it can be made of, by the first of a method's bindings that it fits: whose
 * variables are set to what their templates match. Throws `requestInvalid` with what the first one misses when none
 * fits, and for what neither path, query nor body has a form for.
 */
export function writeRequest(
  bindings: readonly Binding[],
  request: Message | MessageInitShape<DescMessage>,
  registry: Registry,
): WrittenRequest {
  const input = bindings[0]?.method.input;
  if (input === undefined) throw invalid(undefined, new Error("it has no HTTP rule"));
  const message = isMessage(request) ? request : create(input, request);
  let first: unknown;
  for (const binding of bindings) {
    let path: string;
    try {
      path = writePath(binding, message);
    } catch (error) {
      first ??= error;
      continue;
    }
    try {
      const httpMethod = binding.httpMethod === "*" ? "POST" : binding.httpMethod;
      const query = binding.body.kind === "all" ? "" : writeQuery(binding, message);
      return { binding, httpMethod, path, query, body: writeBody(binding, message, registry) };
    } catch (error) {
      throw invalid(binding, error);
    }
  }
  throw invalid(bindings[0], first);
}

function writePath({ template, variables }: Binding, message: Message): string {
  return fillTemplate(template, variables, (variable) => writeVariable(variable, message));
}

function writeVariable({ name, path, text }: BoundVariable, message: Message): string {
  let parent = message;
  for (const field of path.slice(0, -1)) {
    const inner = valueOf(parent, field);
    if (inner === undefined) throw new Error(`${name} stands in the path and is not set`);
    parent = inner as Message;
  }
  const field = path.at(-1) as DescField;
  // Where absence and the zero value are the same, the zero is there.
  const value = isImplicit(field)
    ? (parent as unknown as Record<string, unknown>)[field.localName]
    : valueOf(parent, field);
  if (value === undefined) throw new Error(`${name} stands in the path and is not set`);
  return text.write(value);
}

function writeQuery(binding: Binding, message: Message): string {
  const pairs: string[] = [];
  const { body, method, variables } = binding;
  const visit = (desc: DescMessage, inner: Message, prefix: readonly DescField[]): void => {
    for (const field of desc.fields) {
      const path = [...prefix, field];
      if (prefix.length === 0 && body.kind === "field" && body.field === field) continue;
      if (variables.some((variable) => isSamePath(variable.path, path))) continue;
      const value = valueOf(inner, field);
      if (value === undefined) continue;
      const name = path.map((each) => each.name).join(".");
      if (path.length > MAX_DEPTH) throw new Error(`${name} is nested more than ${MAX_DEPTH} deep`);
      const text = fieldTextOf(field);
      if (text === undefined) {
        if (!isEntered(field)) throw new Error(`${name} is set, and has no form in a query`);
        visit(field.message as DescMessage, value as Message, path);
        continue;
      }
      for (const item of field.fieldKind === "list" ? (value as unknown[]) : [value])
        pairs.push(`${name}=${encodeSegment(text.write(item))}`);
    }
  };
  visit(method.input, message, []);
  return pairs.join("&");
}

function isSamePath(a: readonly DescField[], b: readonly DescField[]): boolean {
  return a.length === b.length && a.every((field, i) => field === b[i]);
}

function writeBody(binding: Binding, message: Message, registry: Registry): BodyContent | undefined {
  const { body, method, variables } = binding;
  if (body.kind === "none") return undefined;
  const field = body.kind === "field" ? body.field : undefined;
  const raw = rawBodyOf(method.input, field);
  if (raw !== undefined) {
    const inner = field === undefined ? message : (valueOf(message, field) as Message | undefined);
    return inner === undefined ? undefined : writeRawBody(raw, inner);
  }
  const json = toJson(method.input, message, { registry }) as JsonObject;
  for (const { path } of variables) remove(json, path);
  if (field === undefined) return { kind: "json", json };
  const value = json[field.jsonName];
  return value === undefined ? undefined : { kind: "json", json: value };
}

/** What stands in the path does not stand in the body as well. */
function remove(json: JsonObject, path: readonly DescField[]): void {
  let object: JsonObject | undefined = json;
  for (const field of path.slice(0, -1)) object = object?.[field.jsonName] as JsonObject | undefined;
  if (object !== undefined) delete object[(path.at(-1) as DescField).jsonName];
}

function invalid(binding: Binding | undefined, cause: unknown): HeddleError {
  const method = binding && `${binding.method.parent.typeName}/${binding.method.name}`;
  return new HeddleError(
    "requestInvalid",
    { method: method ?? "a method", reason: reasonText(cause) },
    { cause },
  );
}
