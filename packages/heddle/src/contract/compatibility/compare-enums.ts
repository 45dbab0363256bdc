/** Enums: their values by number, and the names of these. */
import type { DescEnum } from "@bufbuild/protobuf";
import type { Contract } from "./contract.ts";
import type { RuleName } from "./contract-break.ts";
import type { Report } from "./report.ts";
import { lostReservations } from "./reservations.ts";
import { movedOrDeleted } from "./moved-or-deleted.ts";

export function compareEnums(before: Contract, after: Contract, report: Report): void {
  for (const [name, was] of before.enums) {
    const now = after.enums.get(name);
    movedOrDeleted("enum", "ENUM_NO_DELETE", was, now, after, report);
    if (now !== undefined) compareEnum(was, now, report);
  }
}

function compareEnum(before: DescEnum, after: DescEnum, report: Report): void {
  const { typeName } = before;
  const touched = { kind: "enum", enum: typeName } as const;
  const isSeenByRest = report.rest.types.has(typeName);
  const rest = isSeenByRest ? (["rest"] as const) : [];
  const namesNow = namesByNumber(after);
  for (const [number, names] of namesByNumber(before)) {
    const now = namesNow.get(number);
    const [name = ""] = names;
    if (now === undefined) {
      const reserved = after.proto;
      const rules: RuleName[] = ["ENUM_VALUE_NO_DELETE"];
      if (names.some((each) => !reserved.reservedName.includes(each)))
        rules.push("ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED");
      // Of enums the end is inside, of messages it is not.
      if (!reserved.reservedRange.some(({ start, end }) => number >= start && number <= end))
        rules.push("ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED");
      report.add({
        name: `${typeName}.${name}`,
        what: `value ${name} = ${number} of enum ${typeName} was deleted`,
        rules,
        touched,
        alsoBreaks: rest,
        noticed: "all",
        within: typeName,
      });
    } else if (names.some((each) => !now.includes(each)) || names.length !== now.length) {
      report.add({
        name: `${typeName}.${name}`,
        what: `value ${number} of enum ${typeName} changed its name from ${names.join(", ")} to ${now.join(", ")}`,
        rules: names.some((each) => !now.includes(each)) ? ["ENUM_VALUE_SAME_NAME"] : [],
        touched,
        alsoBreaks: rest,
        within: `${typeName}.${now[0] ?? ""}`,
      });
    }
  }
  report.add({
    name: typeName,
    what: `enum ${typeName} is ${after.open ? "open" : "closed"} now`,
    rules: before.open === after.open ? [] : ["ENUM_SAME_TYPE"],
    touched,
  });
  for (const what of lostReservations(before.proto, after.proto, 1))
    report.add({
      name: typeName,
      what: `enum ${typeName} no longer reserves ${what}`,
      rules: ["RESERVED_ENUM_NO_DELETE"],
      touched: { kind: "none" },
      noticed: "none",
    });
}

function namesByNumber({ values }: DescEnum): ReadonlyMap<number, readonly string[]> {
  const names = new Map<number, string[]>();
  for (const { number, name } of values) {
    const known = names.get(number);
    if (known === undefined) names.set(number, [name]);
    else known.push(name);
  }
  return names;
}
