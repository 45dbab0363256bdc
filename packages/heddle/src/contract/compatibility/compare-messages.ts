/** Messages: their fields by number, oneofs, and what they reserve. */
import type { DescMessage } from "@bufbuild/protobuf";
import { FieldDescriptorProto_Label as Label } from "@bufbuild/protobuf/wkt";
import { compareField } from "./compare-fields.ts";
import type { Contract } from "./contract.ts";
import type { RuleName } from "./contract-break.ts";
import { movedOrDeleted } from "./moved-or-deleted.ts";
import type { Report } from "./report.ts";
import { lostReservations } from "./reservations.ts";

export function compareMessages(before: Contract, after: Contract, report: Report): void {
  for (const [name, was] of before.messages) {
    const now = after.messages.get(name);
    movedOrDeleted("message", "MESSAGE_NO_DELETE", was, now, after, report);
    if (now !== undefined) compareMessage(was, now, report);
  }
  for (const [name, was] of before.extensions) {
    const now = after.extensions.get(name);
    movedOrDeleted("extension", "EXTENSION_NO_DELETE", was, now, after, report);
    if (now !== undefined && now.number === was.number) compareField(name, was, now, report);
  }
}

function compareMessage(before: DescMessage, after: DescMessage, report: Report): void {
  const { typeName } = before;
  const rest = report.rest.types.has(typeName) ? (["rest"] as const) : [];
  const now = new Map(after.fields.map((field) => [field.number, field]));
  for (const field of before.fields) {
    const { number, name } = field;
    const fullName = `${typeName}.${name}`;
    const counterpart = now.get(number);
    if (counterpart !== undefined) {
      compareField(fullName, field, counterpart, report);
      continue;
    }
    const rules: RuleName[] = ["FIELD_NO_DELETE"];
    if (!after.proto.reservedName.includes(name)) rules.push("FIELD_NO_DELETE_UNLESS_NAME_RESERVED");
    if (!after.proto.reservedRange.some(({ start, end }) => number >= start && number < end))
      rules.push("FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED");
    report.add({
      name: fullName,
      what: `field ${fullName} = ${number} was deleted${adviceOf(rules)}`,
      rules,
      touched: { kind: "field", field: fullName },
      alsoBreaks: rest,
      // Reserved or not: who reads it finds nothing, and what is set is dropped.
      noticed: "all",
      within: typeName,
    });
  }
  compareRequired(before, after, report);
  for (const { name } of before.oneofs) {
    if (after.oneofs.some((oneof) => oneof.name === name)) continue;
    report.add({
      name: `${typeName}.${name}`,
      what: `oneof ${name} of ${typeName} was deleted`,
      rules: ["ONEOF_NO_DELETE"],
      touched: { kind: "none" },
      within: typeName,
    });
  }
  for (const what of lostReservations(before.proto, after.proto, 0))
    report.add({
      name: typeName,
      what: `message ${typeName} no longer reserves ${what}`,
      rules: ["RESERVED_MESSAGE_NO_DELETE"],
      touched: { kind: "none" },
      noticed: "none",
    });
}

function adviceOf(rules: readonly RuleName[]): string {
  const missing = [
    ...(rules.includes("FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED") ? ["number"] : []),
    ...(rules.includes("FIELD_NO_DELETE_UNLESS_NAME_RESERVED") ? ["name"] : []),
  ];
  return missing.length === 0 ? "" : `, and its ${missing.join(" and ")} not reserved`;
}

function compareRequired(before: DescMessage, after: DescMessage, report: Report): void {
  const [was, is] = [requiredOf(before), requiredOf(after)];
  const { typeName } = before;
  const add = (field: string, what: string) =>
    report.add({
      name: `${typeName}.${field}`,
      what: `required field ${typeName}.${field} was ${what}`,
      rules: ["MESSAGE_SAME_REQUIRED_FIELDS"],
      touched: { kind: "message", message: typeName },
      within: typeName,
    });
  for (const [number, name] of was) if (!is.has(number)) add(name, "deleted, or is not required any more");
  for (const [number, name] of is) if (!was.has(number)) add(name, "added");
}

function requiredOf({ fields }: DescMessage): ReadonlyMap<number, string> {
  return new Map(
    fields.filter(({ proto }) => proto.label === Label.REQUIRED).map(({ number, name }) => [number, name]),
  );
}
