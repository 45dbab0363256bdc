/**
 * Which parameters the query of a binding has: a field that is neither in the path nor in the body, by its path in the
 * request, `order.customer.id`. Fields may be repeated; maps, repeated messages and what has no text may not be there.
 */
import type { DescField } from "@bufbuild/protobuf";
import { nearest } from "../../call/nearest.ts";
import type { Binding } from "./binding.ts";
import { fieldPath } from "./field-path.ts";
import { type FieldText, fieldTextOf } from "./field-text.ts";

export interface QueryField {
  /** The same for each way to write the name. */
  readonly name: string;
  /** The field stands last. */
  readonly path: readonly DescField[];
  readonly repeated: boolean;
  readonly text: FieldText;
}

/** The field of a parameter, or why there is none. */
export function queryField(binding: Binding, name: string): QueryField | string {
  let known = fieldsOf.get(binding);
  if (known === undefined) {
    known = new Map();
    fieldsOf.set(binding, known);
  }
  const before = known.get(name);
  if (before !== undefined) return before;
  const field = findField(binding, name);
  if (typeof field !== "string" && known.size < MAX_KNOWN) known.set(name, field);
  return field;
}

/** Whether the fields within this one are parameters, and not the field itself. */
export function isEntered({ fieldKind, message }: DescField): boolean {
  return fieldKind === "message" && message !== undefined && !OPAQUE.has(message.typeName);
}

const fieldsOf = new WeakMap<Binding, Map<string, QueryField>>();

/** Names kept for one binding: a type that contains itself has any number of them. */
const MAX_KNOWN = 1000;

/** Comparing a longer one with all names costs more than it helps. */
const LONGEST_MISSPELT = 60;

function findField(binding: Binding, name: string): QueryField | string {
  const { body, method, variables } = binding;
  if (body.kind === "all") return "what is not in the path of this method stands in its body";
  const path = fieldPath(method.input, name);
  if (typeof path === "string") {
    const names = method.input.fields.map((field) => field.name);
    const meant = name.length > LONGEST_MISSPELT ? undefined : nearest(name, names);
    return meant === undefined ? path : `${path}; ${meant}, perhaps`;
  }
  if (body.kind === "field" && path[0] === body.field) return "it stands in the body";
  const isSame = (other: readonly DescField[]) =>
    other.length === path.length && other.every((field, i) => field === path[i]);
  if (variables.some((variable) => isSame(variable.path))) return "it stands in the path";
  const whole = path.slice(0, -1).find((field) => fieldTextOf(field) !== undefined || !isEntered(field));
  if (whole !== undefined) return `${whole.name} cannot be entered`;
  const field = path.at(-1) as DescField;
  const text = fieldTextOf(field);
  if (text === undefined) return withoutText(field);
  return {
    name: path.map((each) => each.name).join("."),
    path,
    repeated: field.fieldKind === "list",
    text,
  };
}

function withoutText(field: DescField): string {
  if (field.fieldKind === "map") return "a map has no form in a query";
  if (field.fieldKind === "list") return "a repeated message has no form in a query";
  return isEntered(field)
    ? `it is a message: name one of its fields, such as ${field.name}.${field.message?.fields[0]?.name ?? "name"}`
    : `${field.message?.typeName} has no form in a query`;
}

/** Their JSON is not made of their fields. */
const OPAQUE: ReadonlySet<string> = new Set([
  "google.protobuf.Any",
  "google.protobuf.Struct",
  "google.protobuf.Value",
  "google.protobuf.ListValue",
]);
