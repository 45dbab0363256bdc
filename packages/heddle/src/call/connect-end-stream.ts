/**
 * The last envelope of a Connect stream: JSON with the error, if there is one, and the trailers.
 * Source: https://connectrpc.com/docs/protocol#error-end-stream
 */
import type { Registry } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import { readConnectError, writeConnectError } from "./connect-error.ts";
import { isJsonObject } from "./json-object.ts";
import { type Fields, isFieldName, isFieldValue } from "./metadata.ts";

/** Flag of the envelope that ends a stream; the flag of compression may be set beside it. */
export const FLAG_END_STREAM = 2;

export interface ConnectEndStream {
  readonly error: ConnectError | undefined;
  readonly trailers: Fields;
}

/** The payload of the envelope. Throws what `writeConnectError` throws. */
export function encodeEndStream({ error, trailers }: ConnectEndStream, registry?: Registry): Uint8Array {
  if (error === undefined && trailers.length === 0) return EMPTY;
  const metadata: Record<string, string[]> = Object.create(null);
  for (let i = 0; i < trailers.length; i += 2) {
    const name = trailers[i] as string;
    metadata[name] ??= [];
    metadata[name].push(trailers[i + 1] as string);
  }
  const json = {
    ...(error === undefined ? {} : { error: writeConnectError(error, registry) }),
    ...(trailers.length === 0 ? {} : { metadata }),
  };
  return new TextEncoder().encode(JSON.stringify(json));
}

/** Undefined when the payload is not what the protocol says; an error without a code we know is UNKNOWN. */
export function decodeEndStream(payload: Uint8Array): ConnectEndStream | undefined {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(payload));
  } catch {
    return undefined;
  }
  if (!isJsonObject(json)) return undefined;
  const trailers = readMetadata(json["metadata"] ?? {});
  if (trailers === undefined) return undefined;
  const given = json["error"] ?? undefined;
  if (given === undefined) return { error: undefined, trailers };
  const error = readConnectError(given, Code.Unknown);
  return error === undefined ? undefined : { error, trailers };
}

const EMPTY = new TextEncoder().encode("{}");

function readMetadata(json: unknown): Fields | undefined {
  if (!isJsonObject(json)) return undefined;
  const fields: string[] = [];
  for (const [name, values] of Object.entries(json)) {
    if (!Array.isArray(values) || !isFieldName(name)) return undefined;
    for (const value of values) {
      if (typeof value !== "string" || !isFieldValue(value)) return undefined;
      fields.push(name.toLowerCase(), value);
    }
  }
  return fields;
}
