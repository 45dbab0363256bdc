/**
 * Fields by the names that templates and query parameters give them, such as `order.customer.id`, and their values in
 * a message. Names are looked up in the descriptor and nowhere else, so none of them reaches a prototype.
 */
import {
  create,
  type DescField,
  type DescMessage,
  type DescOneof,
  isFieldSet,
  type Message,
} from "@bufbuild/protobuf";

/** The field of a name: as the contract writes it (`customer_id`) or as JSON does (`customerId`). */
export function fieldNamed(desc: DescMessage, name: string): DescField | undefined {
  let byName = fieldsByName.get(desc);
  if (byName === undefined) {
    byName = new Map(desc.fields.map((field) => [field.jsonName, field]));
    // Where one field has in JSON the name that another has in the contract, the contract wins.
    for (const field of desc.fields) byName.set(field.name, field);
    fieldsByName.set(desc, byName);
  }
  return byName.get(name);
}

/**
 * The fields on the way to the one that `name` names; a sentence when there is none. All but the last are single
 * messages.
 */
export function fieldPath(desc: DescMessage, name: string): readonly DescField[] | string {
  const path: DescField[] = [];
  let parent: DescMessage | undefined = desc;
  for (const part of name.split(".", MAX_DEPTH + 1)) {
    if (parent === undefined) {
      const inner = path.at(-1) as DescField;
      return inner.fieldKind === "list" || inner.fieldKind === "map"
        ? `${inner.name} is ${inner.fieldKind === "map" ? "a map" : "repeated"}, and cannot be entered`
        : `${inner.name} is no message`;
    }
    const field = fieldNamed(parent, part);
    if (field === undefined) return `${parent.typeName} has no such field`;
    if (path.push(field) > MAX_DEPTH) return `it is nested more than ${MAX_DEPTH} deep`;
    parent = field.fieldKind === "message" ? field.message : undefined;
  }
  return path;
}

/** Deepest field that a name may name: a type that contains itself has no deepest one. */
export const MAX_DEPTH = 32;

/** The value, undefined when it is not set. */
export function valueOf(message: Message, field: DescField): unknown {
  if (!isFieldSet(message, field)) return undefined;
  return field.oneof === undefined
    ? (message as unknown as Values)[field.localName]
    : chosen(message, field.oneof).value;
}

export function setValue(message: Message, field: DescField, value: unknown): void {
  const object = message as unknown as Values;
  if (field.oneof === undefined) object[field.localName] = value;
  else object[field.oneof.localName] = { case: field.localName, value };
}

/**
 * The message in which the last field of a path stands; those on the way are made when they are not there. Throws when
 * one of the fields is an alternative to a field that is set.
 */
export function enter(message: Message, path: readonly DescField[]): Message {
  let inner = message;
  for (const field of path.slice(0, -1)) {
    refuseAlternative(inner, field);
    let next = valueOf(inner, field) as Message | undefined;
    if (next === undefined) {
      next = create(field.message as DescMessage);
      setValue(inner, field, next);
    }
    inner = next;
  }
  refuseAlternative(inner, path.at(-1) as DescField);
  return inner;
}

function refuseAlternative(message: Message, field: DescField): void {
  const set = field.oneof === undefined ? undefined : chosen(message, field.oneof).case;
  if (set !== undefined && set !== field.localName)
    throw new Error(`of ${field.oneof?.name} another one is set, ${set}`);
}

function chosen(message: Message, oneof: DescOneof): Chosen {
  return (message as unknown as Values)[oneof.localName] as Chosen;
}

type Values = Record<string, unknown>;
type Chosen = { readonly case: string | undefined; readonly value?: unknown };

const fieldsByName = new WeakMap<DescMessage, Map<string, DescField>>();
