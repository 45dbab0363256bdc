/**
 * The request message that an HTTP request stands for: what its path captured, the parameters of its query, its body.
 *
 * Nothing is ignored. A parameter that the contract does not know, a value out of range, a field in two places that
 * disagree: each is refused with the name of the parameter.
 */
import {
  create,
  type DescField,
  fromJson,
  type JsonValue,
  type Message,
  type Registry,
} from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { HeddleError, reasonText } from "../../call/errors.ts";
import { readStrictJsonText } from "../codec/json-text.ts";
import { toMessageError } from "../message-error.ts";
import type { Binding, BoundVariable } from "./binding.ts";
import { enter, setValue, valueOf } from "./field-path.ts";
import { type RawBody, rawBodyOf, readRawBody } from "./http-body.ts";
import { decodeSegments, decodeText } from "./path-text.ts";
import { type QueryField, queryField } from "./query-fields.ts";

/** A body as far as it is read without the contract. */
export type BodyContent = { readonly kind: "json"; readonly json: JsonValue } | RawBody;

/** JSON as it is on the wire. */
export interface JsonText {
  readonly kind: "text";
  readonly text: string;
}

export interface RequestParts {
  /** As the router has captured it. */
  readonly captured: readonly string[];
  /** Without its question mark; empty when there is none. */
  readonly query: string;
  /** Undefined when the request has none, or an empty one. */
  readonly body: BodyContent | JsonText | undefined;
}

/**
 * Throws `parameterInvalid` for what is wrong in path or query, and `messageInvalid` (INVALID_ARGUMENT) for a body that
 * is none of the method. `registry` knows the types that an `Any` in the body may hold.
 */
export function readRequest(binding: Binding, parts: RequestParts, registry: Registry): Message {
  const message = readBody(binding, parts.body, registry);
  const { variables } = binding;
  for (let i = 0; i < variables.length; i++)
    readVariable(binding, message, variables[i] as BoundVariable, parts.captured[i] ?? "");
  if (parts.query !== "") readQuery(binding, message, parts.query);
  return message;
}

function readBody(
  binding: Binding,
  content: BodyContent | JsonText | undefined,
  registry: Registry,
): Message {
  const { body, method } = binding;
  if (content === undefined) return create(method.input);
  const name = `${method.parent.typeName}/${method.name}`;
  try {
    if (body.kind === "none") throw new Error("it has no body");
    if (content.kind === "raw") return readRaw(binding, content);
    if (content.kind === "text")
      return readStrictJsonText(
        method.input,
        content.text,
        registry,
        body.kind === "field" ? body.field : undefined,
      );
    // A key that is computed becomes a property, whatever it is called.
    const json = body.kind === "all" ? content.json : { [body.field.jsonName]: content.json };
    return fromJson(method.input, json, { registry });
  } catch (error) {
    throw toMessageError(error, name, Code.InvalidArgument);
  }
}

function readRaw({ body, method }: Binding, content: RawBody): Message {
  const field = body.kind === "field" ? body.field : undefined;
  const desc = rawBodyOf(method.input, field);
  if (desc === undefined) throw new Error("its body is JSON");
  const raw = readRawBody(desc, content);
  if (field === undefined) return raw;
  const message = create(method.input);
  setValue(message, field, raw);
  return message;
}

function readVariable(binding: Binding, message: Message, variable: BoundVariable, captured: string): void {
  const text = variable.single ? decodeText(captured) : decodeSegments(captured);
  const field = variable.path.at(-1) as DescField;
  try {
    if (text === undefined) throw new Error("it is not percent-encoded UTF-8");
    const value = variable.text.read(text);
    const parent = enter(message, variable.path);
    const inBody = valueOf(parent, field);
    // A client may send a resource back as it got it, with its name inside.
    if (inBody !== undefined && variable.text.write(inBody) !== variable.text.write(value))
      throw new Error("the path and the body have different values");
    setValue(parent, field, value);
  } catch (error) {
    throw invalid(binding, variable.name, error);
  }
}

function readQuery(binding: Binding, message: Message, query: string): void {
  const seen = new Set<string>();
  let count = 0;
  for (let at = 0; at <= query.length; ) {
    const and = query.indexOf("&", at);
    const end = and === -1 ? query.length : and;
    if (end > at) {
      if (++count > MAX_PARAMETERS) throw invalid(binding, "", `there are more than ${MAX_PARAMETERS}`);
      readParameter(binding, message, query.slice(at, end), seen);
    }
    at = end + 1;
  }
}

/** Parameters of one query. A head has room for tens of thousands, and each costs more than its bytes. */
const MAX_PARAMETERS = 1000;

function readParameter(binding: Binding, message: Message, pair: string, seen: Set<string>): void {
  const equals = pair.indexOf("=");
  const written = equals === -1 ? pair : pair.slice(0, equals);
  const name = decodePart(written);
  if (name === undefined) throw invalid(binding, written, "its name is not percent-encoded UTF-8");
  const field = queryField(binding, name);
  if (typeof field === "string") throw invalid(binding, name, field);
  if (!field.repeated && seen.has(field.name)) throw invalid(binding, name, "it is there twice");
  seen.add(field.name);
  try {
    const text = equals === -1 ? "" : decodePart(pair.slice(equals + 1));
    if (text === undefined) throw new Error("it is not percent-encoded UTF-8");
    place(message, field, field.text.read(text));
  } catch (error) {
    throw invalid(binding, name, error);
  }
}

function place(message: Message, { path, repeated }: QueryField, value: unknown): void {
  const parent = enter(message, path);
  const field = path.at(-1) as DescField;
  const list = repeated ? (valueOf(parent, field) as unknown[] | undefined) : undefined;
  if (list === undefined) setValue(parent, field, repeated ? [value] : value);
  else list.push(value);
}

/** Forms write a space as `+`. */
function decodePart(text: string): string | undefined {
  return decodeText(text.includes("+") ? text.replaceAll("+", " ") : text);
}

function invalid({ method }: Binding, parameter: string, cause: unknown): HeddleError {
  const shown = parameter.length > 100 ? `${parameter.slice(0, 100)}…` : parameter;
  return new HeddleError(
    "parameterInvalid",
    {
      parameter: shown,
      method: `${method.parent.typeName}/${method.name}`,
      reason: reasonText(cause),
    },
    cause instanceof Error ? { cause } : {},
  );
}
