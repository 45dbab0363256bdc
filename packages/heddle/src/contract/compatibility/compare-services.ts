/** Services and their methods. */
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as Idempotency } from "@bufbuild/protobuf/wkt";
import type { Contract } from "./contract.ts";
import type { Broken, RuleName } from "./contract-break.ts";
import { movedOrDeleted } from "./moved-or-deleted.ts";
import type { Report } from "./report.ts";

export function compareServices(before: Contract, after: Contract, report: Report): void {
  for (const [name, was] of before.services) {
    const now = after.services.get(name);
    movedOrDeleted("service", "SERVICE_NO_DELETE", was, now, after, report);
    if (now !== undefined) compareService(was, now, report);
  }
}

function compareService(before: DescService, after: DescService, report: Report): void {
  for (const method of before.methods) {
    const name = `${before.typeName}/${method.name}`;
    const now = after.methods.find((each) => each.name === method.name);
    if (now !== undefined) compareMethod(name, method, now, report);
    else
      report.add({
        name,
        what: `method ${name} was deleted`,
        rules: ["RPC_NO_DELETE"],
        touched: { kind: "method", method: name },
        // Its calls end with UNIMPLEMENTED.
        alsoBreaks: ["wire", "json"],
        within: before.typeName,
      });
  }
}

function compareMethod(name: string, before: DescMethod, after: DescMethod, report: Report): void {
  const changed = (
    what: string,
    rule: RuleName,
    from: string,
    to: string,
    alsoBreaks: readonly Broken[] = [],
  ) => {
    if (from === to) return;
    report.add({
      name,
      what: `${what} of ${name} changed from ${from} to ${to}`,
      rules: [rule],
      touched: { kind: "method", method: name },
      alsoBreaks,
    });
  };
  const rest = report.rest.methods.has(name) ? (["rest"] as const) : [];
  changed("the request", "RPC_SAME_REQUEST_TYPE", before.input.typeName, after.input.typeName);
  changed("the answer", "RPC_SAME_RESPONSE_TYPE", before.output.typeName, after.output.typeName);
  changed(
    "the request",
    "RPC_SAME_CLIENT_STREAMING",
    streaming(before, "client"),
    streaming(after, "client"),
    rest,
  );
  changed(
    "the answer",
    "RPC_SAME_SERVER_STREAMING",
    streaming(before, "server"),
    streaming(after, "server"),
    rest,
  );
  changed("the idempotency", "RPC_SAME_IDEMPOTENCY_LEVEL", levelOf(before), levelOf(after));
}

function streaming({ proto }: DescMethod, side: "client" | "server"): string {
  return (side === "client" ? proto.clientStreaming : proto.serverStreaming) ? "a stream" : "one message";
}

function levelOf({ idempotency }: DescMethod): string {
  return Idempotency[idempotency];
}
