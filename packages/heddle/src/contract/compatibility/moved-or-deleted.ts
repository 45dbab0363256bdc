/** A type or service that is not where it was: in TypeScript, who imports it from its file does not find it. */
import type { DescEnum, DescExtension, DescMessage, DescService } from "@bufbuild/protobuf";
import type { Contract } from "./contract.ts";
import type { Broken, RuleName, Touched } from "./contract-break.ts";
import type { Report } from "./report.ts";

type Part = DescMessage | DescEnum | DescService | DescExtension;

/** What has gone with its whole file or message is told with that. */
export function movedOrDeleted(
  kind: "message" | "enum" | "service" | "extension",
  rule: RuleName,
  before: Part,
  after: Part | undefined,
  contract: Contract,
  report: Report,
): void {
  const { typeName } = before;
  const path = before.file.proto.name;
  if (after?.file.proto.name === path) return;
  const isGone = after === undefined;
  const hasFile = contract.files.has(path);
  const isGoneService = isGone && kind === "service";
  report.add({
    name: typeName,
    what: isGone
      ? `${kind} ${typeName} was deleted`
      : `${kind} ${typeName} moved from file ${path} to ${after.file.proto.name}`,
    // Of a type that moved out of a file that is gone, the file is told.
    rules: hasFile || isGone ? [rule] : [],
    touched: touchedOf(kind, typeName),
    alsoBreaks: isGoneService ? CALLERS : [],
    noticed: isGoneService || (isGone && kind === "message") ? "all" : "none",
    within: hasFile ? parentOf(before) : path,
  });
}

/** Its calls end with UNIMPLEMENTED. */
const CALLERS: readonly Broken[] = ["wire", "json"];

function parentOf(part: Part): string {
  const parent = part.kind === "service" ? undefined : part.parent;
  return parent?.typeName ?? part.file.proto.name;
}

function touchedOf(kind: string, typeName: string): Touched {
  if (kind === "service") return { kind, service: typeName };
  if (kind === "message") return { kind, message: typeName };
  return kind === "enum" ? { kind, enum: typeName } : { kind: "none" };
}
