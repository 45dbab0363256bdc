/**
 * Notes which fields of a message are read, for the few answers that are looked at. The fields become getters of the same
 * object, and each is an ordinary property again as soon as it has been read: the object stays what it is for whoever compares,
 * copies, freezes or encodes it. A wrapper would not (a Proxy cannot be cloned, and is another object).
 *
 * Only what is there is watched. A field that is absent has no property, and a getter in its place would say that it is there.
 */
import type { DescField, DescMessage, DescOneof, Message } from "@bufbuild/protobuf";

/** Called once for each field and message, when it is read first. Must not throw. */
export type OnRead = (field: DescField) => void;

export function watchReads(message: Message, desc: DescMessage, onRead: OnRead): void {
  if (Object.isFrozen(message)) return;
  for (const member of desc.members) {
    const property = Object.getOwnPropertyDescriptor(message, member.localName);
    if (property?.configurable !== true || !("value" in property)) continue;
    watch(message, member, property, onRead);
  }
}

function watch(
  message: Message,
  member: DescField | DescOneof,
  property: PropertyDescriptor,
  onRead: OnRead,
): void {
  const name = member.localName;
  let value: unknown = property.value;
  let told = false;
  const restore = () => {
    // Who froze or sealed it meanwhile keeps the getter, which gives the same.
    if (Object.getOwnPropertyDescriptor(message, name)?.configurable === true)
      Object.defineProperty(message, name, { ...property, value });
  };
  Object.defineProperty(message, name, {
    configurable: true,
    enumerable: property.enumerable ?? true,
    get() {
      if (!told) {
        told = true;
        tell(member, value, onRead);
        restore();
      }
      return value;
    },
    set(next: unknown) {
      if (Object.isFrozen(message)) throw new TypeError(`Cannot assign to read only property '${name}'`);
      // What the program has put there is not what was answered.
      told = true;
      value = next;
      restore();
    },
  });
}

function tell(member: DescField | DescOneof, value: unknown, onRead: OnRead): void {
  if (member.kind === "field") {
    onRead(member);
    enter(member, value, onRead);
    return;
  }
  const chosen = value as { readonly case: string | undefined; readonly value?: unknown };
  const field = member.fields.find(({ localName }) => localName === chosen.case);
  if (field === undefined) return;
  onRead(field);
  enter(field, chosen.value, onRead);
}

function enter(field: DescField, value: unknown, onRead: OnRead): void {
  const desc = field.message;
  if (desc === undefined || !hasFieldsOfItsOwn(desc) || typeof value !== "object" || value === null) return;
  if (field.fieldKind === "message") return watchReads(value as Message, desc, onRead);
  const inner =
    field.fieldKind === "list" ? (value as Message[]) : Object.values(value as Record<string, Message>);
  for (const message of inner.slice(0, MAX_INNER)) watchReads(message, desc, onRead);
}

/** Of a list or map only the first are watched: those behind them are read alike. */
export const MAX_INNER = 8;

/** Timestamps and the like are values to who uses them, and some of them are no messages in TypeScript. */
export function hasFieldsOfItsOwn({ typeName }: DescMessage): boolean {
  return !typeName.startsWith("google.protobuf.");
}
