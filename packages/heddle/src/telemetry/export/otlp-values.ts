/** What metrics and spans in OTLP have in common: times, ids and attributes. */
import { type MessageInitShape, protoInt64 } from "@bufbuild/protobuf";
import type { KeyValueSchema } from "../../gen/opentelemetry/proto/common/v1/common_pb.ts";

/** Of ms since the epoch. */
export function nanos(ms: number): bigint {
  return protoInt64.uParse(Math.round(ms * 1000)) * 1000n;
}

export function bytesOfHex(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: text.length >> 1 }, (_, i) =>
    Number.parseInt(text.slice(2 * i, 2 * i + 2), 16),
  );
}

/** One without a value is not there. */
export function otlpAttributes(
  attributes: Readonly<Record<string, string | number | boolean | undefined>>,
): MessageInitShape<typeof KeyValueSchema>[] {
  return Object.entries(attributes).flatMap(([key, value]) => {
    if (value === undefined || value === "") return [];
    return [{ key, value: { value: valueOf(key, value) } }];
  });
}

/** A time is a double also where it happens to be whole: an attribute has one type. */
function valueOf(key: string, value: string | number | boolean) {
  if (typeof value === "string") return { case: "stringValue" as const, value };
  if (typeof value === "boolean") return { case: "boolValue" as const, value };
  if (Number.isSafeInteger(value) && !key.endsWith("_ms"))
    return { case: "intValue" as const, value: BigInt(value) };
  return { case: "doubleValue" as const, value };
}
