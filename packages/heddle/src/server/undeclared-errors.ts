/**
 * Tells when a handler answers with an error that its contract does not have. Such an error goes out all the same: the
 * caller is better served by it than by another, and a newer contract may know it. But callers that go by the contract do
 * not reckon with it, so whoever runs the server hears of each kind once.
 */
import type { DescMethod } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { HeddleError } from "../call/errors.ts";
import { statusName } from "../call/status.ts";
import { declaredErrorsOf } from "../contract/declared-errors.ts";

/** What there is to tell of an error that a handler threw; undefined when all is well, or was told before. */
export type ErrorCheck = (error: ConnectError) => HeddleError | undefined;

/**
 * Undefined for a method whose contract declares no error with a detail: it promises nothing. Throws `errorsInvalid` for a
 * contract that makes no sense.
 */
export function checkOfErrors(method: DescMethod): ErrorCheck | undefined {
  const codes = new Map<string, number>();
  for (const { detail, code } of declaredErrorsOf(method)) {
    if (detail !== undefined) codes.set(detail.typeName, code);
  }
  if (codes.size === 0) return undefined;
  const told = new Set<string>();
  const name = `${method.parent.typeName}/${method.name}`;
  return (error) => {
    for (const detail of error.details) {
      const typeName = "desc" in detail ? detail.desc.typeName : detail.type;
      if (isEverybodys(typeName)) continue;
      const code = codes.get(typeName);
      if (code === error.code) continue;
      const reason =
        code === undefined
          ? `its contract does not declare ${typeName}`
          : `its contract has ${typeName} with ${statusName(code)}, and it came with ${statusName(error.code)}`;
      if (told.has(reason) || told.size === MOST_TOLD) continue;
      told.add(reason);
      return new HeddleError("errorUndeclared", { method: name, reason }, { cause: error });
    }
    return undefined;
  };
}

/** Details that say how to go on with any error: nobody declares them method by method. */
function isEverybodys(typeName: string): boolean {
  return typeName.startsWith("google.rpc.") || typeName === "buf.validate.Violations";
}

/** A handler may pass on details that others name. */
const MOST_TOLD = 100;
