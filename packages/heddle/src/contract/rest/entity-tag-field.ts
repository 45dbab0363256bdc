/**
 * Which field of a message is its entity tag, as `heddle.options.v1.etag` marks it: in an answer the one that is sent, in a
 * request the one that gets the tag that the caller wants to change.
 */
import {
  type DescField,
  type DescMessage,
  type DescMethod,
  getOption,
  hasOption,
  ScalarType,
} from "@bufbuild/protobuf";
import { etag } from "../../gen/heddle/options/v1/http_pb.ts";
import type { Binding } from "./binding.ts";
import { type FieldText, fieldTextOf } from "./field-text.ts";

export interface TagField {
  /** The fields on the way to it; it stands last. */
  readonly path: readonly DescField[];
  readonly text: FieldText;
  /** It takes several tags. */
  readonly repeated: boolean;
}

/** Of what a binding answers. Throws for a field that cannot be one. */
export function tagOfAnswer({ method, responseBody }: Binding): TagField | undefined {
  if (method.methodKind !== "unary") return undefined;
  const inBody = responseBody?.fieldKind === "message" ? responseBody : undefined;
  if (responseBody !== undefined && inBody === undefined) return undefined;
  const found = markedIn(inBody === undefined ? method.output : (inBody.message as DescMessage));
  if (found?.repeated === true)
    throw new Error(`etag: ${nameOf(found)} is repeated, and an answer has one tag`);
  return found && inBody !== undefined ? { ...found, path: [inBody, ...found.path] } : found;
}

/** Of the requests of a method: of the request itself, else of the one message in it that has such a field. */
export function tagOfRequest({ input, methodKind }: DescMethod): TagField | undefined {
  if (methodKind !== "unary" && methodKind !== "server_streaming") return undefined;
  const own = markedIn(input);
  if (own !== undefined) return own;
  const inner = input.fields.flatMap((field) => {
    if (field.fieldKind !== "message") return [];
    const found = markedIn(field.message);
    return found === undefined ? [] : [{ ...found, path: [field, ...found.path] }];
  });
  return inner.length === 1 ? inner[0] : undefined;
}

function markedIn(desc: DescMessage): TagField | undefined {
  const marked = desc.fields.filter((field) => hasOption(field, etag) && getOption(field, etag));
  const [field, second] = marked;
  if (field === undefined) return undefined;
  if (second !== undefined)
    throw new Error(`etag: ${desc.typeName} has two, ${field.name} and ${second.name}`);
  const repeated = field.fieldKind === "list";
  const text = TAGS.has(field.scalar) ? fieldTextOf(field) : undefined;
  if (text === undefined || (repeated && field.scalar !== ScalarType.STRING))
    throw new Error(`etag: ${desc.typeName}.${field.name} is no string, bytes or integer`);
  return { path: [field], text, repeated };
}

function nameOf({ path }: TagField): string {
  return path.map(({ name }) => name).join(".");
}

const TAGS: ReadonlySet<ScalarType | undefined> = new Set([
  ScalarType.STRING,
  ScalarType.BYTES,
  ScalarType.INT32,
  ScalarType.INT64,
  ScalarType.UINT32,
  ScalarType.UINT64,
  ScalarType.SINT32,
  ScalarType.SINT64,
  ScalarType.FIXED32,
  ScalarType.FIXED64,
  ScalarType.SFIXED32,
  ScalarType.SFIXED64,
]);
