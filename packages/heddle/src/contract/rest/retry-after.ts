/**
 * `Retry-After`: when somebody who was refused may come again. A handler says it as `google.rpc.RetryInfo` in the details
 * of its error, or as gRPC's pushback in its metadata.
 * Source: RFC 9110 §10.2.3; https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import type { ConnectError } from "@connectrpc/connect";
import { PUSHBACK_FIELD } from "../../call/metadata.ts";

/** The wait that an error names, in ms; undefined when it names none. */
export function retryDelayMs(error: ConnectError): number | undefined {
  for (const detail of error.details) {
    const type = "desc" in detail ? detail.desc.typeName : detail.type;
    if (type !== "google.rpc.RetryInfo") continue;
    try {
      const bytes =
        "desc" in detail ? toBinary(detail.desc, create(detail.desc, detail.value)) : detail.value;
      return readRetryInfo(bytes);
    } catch {
      // What a handler says beside its error must not take the place of it.
      return undefined;
    }
  }
  const pushback = error.metadata.get(PUSHBACK_FIELD);
  return pushback !== null && /^\d{1,10}$/.test(pushback) ? Number(pushback) : undefined;
}

/** The value of the field: whole seconds, so that nobody comes too early. */
export function writeRetryAfter(delayMs: number): string {
  return String(Math.ceil(delayMs / 1000));
}

/** The wait that a field names, in ms: seconds, or a date. Undefined when it is neither. `nowMs` is the time of day. */
export function readRetryAfter(value: string, nowMs: number): number | undefined {
  const text = value.trim();
  if (/^\d{1,10}$/.test(text)) return Number(text) * 1000;
  const date = HTTP_DATE.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}

/** IMF-fixdate, the one form that is written today (RFC 9110 §5.6.7). */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/** `retry_delay`, a google.protobuf.Duration, is its field 1. */
function readRetryInfo(bytes: Uint8Array): number | undefined {
  let delayMs: number | undefined;
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1 && wireType === WireType.LengthDelimited) delayMs = readDuration(reader.bytes());
    else reader.skip(wireType, field);
  }
  return delayMs === undefined || delayMs < 0 ? undefined : delayMs;
}

function readDuration(bytes: Uint8Array): number {
  let ms = 0;
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1 && wireType === WireType.Varint) ms += Number(reader.int64()) * 1000;
    else if (field === 2 && wireType === WireType.Varint) ms += reader.int32() / 1e6;
    else reader.skip(wireType, field);
  }
  return ms;
}
