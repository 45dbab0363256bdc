/** Which fields of a message are set: of one that is about to be sent, what the callee must go on to understand. */
import { type DescField, type DescMessage, isFieldSet, type Message } from "@bufbuild/protobuf";
import { valueOf } from "../rest/field-path.ts";
import { hasFieldsOfItsOwn, MAX_INNER } from "./watch-reads.ts";

/** Calls `onSet` for each of them, in the messages inside as well; more than once for what is there several times. */
export function eachSetField(
  message: Message,
  desc: DescMessage,
  onSet: (field: DescField) => void,
  depth = 0,
): void {
  for (const field of desc.fields) {
    if (!isFieldSet(message, field)) continue;
    onSet(field);
    if (field.message === undefined || !hasFieldsOfItsOwn(field.message) || depth === MAX_DEPTH) continue;
    const value = valueOf(message, field);
    for (const inner of messagesIn(field, value)) eachSetField(inner, field.message, onSet, depth + 1);
  }
}

/** Deeper messages are of types that contain themselves, as a rule. */
const MAX_DEPTH = 16;

function messagesIn(field: DescField, value: unknown): readonly Message[] {
  if (field.fieldKind === "message") return [value as Message];
  const all =
    field.fieldKind === "list" ? (value as Message[]) : Object.values(value as Record<string, Message>);
  return all.slice(0, MAX_INNER);
}
