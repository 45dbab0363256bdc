/**
 * The outcome of a call as text, for stores: its message or its error, and the metadata that the handler set.
 *
 * Which errors are outcomes: those by which a handler says what the request itself comes to (not found, invalid, already
 * there, …). Those that ask for another attempt are none, nor is whatever else a handler throws: the next attempt runs.
 */
import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";
import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { readConnectError, writeConnectError } from "../../call/connect-error.ts";
import { type Codec, codecOf } from "../../contract/codec/codec.ts";
import type { Method } from "../../contract/method.ts";

const ASKS_TO_REPEAT: ReadonlySet<Code> = new Set([
  Code.Canceled,
  Code.DeadlineExceeded,
  Code.ResourceExhausted,
  Code.Aborted,
  Code.Unavailable,
]);

/** Whether what a handler threw decides the request for good. */
export function isOutcome(thrown: unknown): thrown is ConnectError {
  return thrown instanceof ConnectError && !ASKS_TO_REPEAT.has(thrown.code);
}

interface Stored {
  readonly message?: string;
  readonly error?: unknown;
  readonly errorMetadata?: Pairs;
  readonly header: Pairs;
  readonly trailer: Pairs;
}

type Pairs = readonly (readonly [string, string])[];

export function writeAnswer(
  method: Method,
  outcome: Message | ConnectError,
  { responseHeader, responseTrailer }: HandlerContext,
): string {
  const metadata = { header: [...responseHeader], trailer: [...responseTrailer] };
  const stored: Stored =
    outcome instanceof ConnectError
      ? { error: writeConnectError(outcome), errorMetadata: [...outcome.metadata], ...metadata }
      : { message: base64Encode(outputOf(method).encode(outcome)), ...metadata };
  return JSON.stringify(stored);
}

/** The message, and the metadata into `context`; throws the error that is stored. */
export function readAnswer(method: Method, answer: string, context: HandlerContext): Message {
  const stored = JSON.parse(answer) as Stored;
  for (const [name, value] of stored.header) context.responseHeader.append(name, value);
  for (const [name, value] of stored.trailer) context.responseTrailer.append(name, value);
  if (stored.message !== undefined) return outputOf(method).decode(base64Decode(stored.message));
  const error = readConnectError(stored.error, Code.Unknown) ?? new ConnectError("", Code.Unknown);
  // It is the handler's own, and its metadata is the caller's to see.
  error.isWireError = false;
  for (const [name, value] of stored.errorMetadata ?? []) error.metadata.append(name, value);
  throw error;
}

/** In one form, whatever the first caller spoke and the next one speaks. */
function outputOf({ desc }: Method): Codec {
  return codecOf(desc.output);
}
