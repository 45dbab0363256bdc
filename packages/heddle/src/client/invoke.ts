/**
 * From a typed request to a call on a channel: what stub and transport share.
 */
import type { DescMessage, DescMethod, Message, MessageInitShape } from "@bufbuild/protobuf";
import { HeddleError, reasonText } from "../call/errors.ts";
import { type Fields, toFields } from "../call/metadata.ts";
import { type Method, methodOf } from "../contract/method.ts";
import { compressGzip } from "../wire/compression.ts";
import { FLAG_COMPRESSED } from "../wire/envelope-reader.ts";
import type { Channel } from "./channel.ts";
import { type MessageSource, StreamingCall } from "./streaming-call.ts";
import { UnaryCall, type UnaryCaller } from "./unary-call.ts";

export interface InvokeOptions {
  /** In ms; undefined for the channel's default, 0 and less for none (as in Connect). */
  readonly timeoutMs?: number | undefined;
  readonly headers?: HeadersInit | undefined;
  readonly signal?: AbortSignal | undefined;
}

const NO_METADATA: Fields = [];

/** Starts a unary call. Throws for a request that cannot be sent; otherwise the caller hears exactly once. */
export function invokeUnary(
  channel: Channel,
  method: Method,
  request: Message | MessageInitShape<DescMessage>,
  options: InvokeOptions | undefined,
  caller: UnaryCaller,
): void {
  let payload = encode(method, request);
  const { maxSendMessageBytes, maxReceiveMessageBytes, sendCompression } = channel.options;
  if (payload.length > maxSendMessageBytes) {
    throw new HeddleError("messageTooLarge", { bytes: payload.length, limit: maxSendMessageBytes, direction: "sent" });
  }
  if (sendCompression === "gzip") payload = compressGzip(payload);
  const init = {
    method,
    metadata: metadataOf(options),
    timeoutMs: timeoutOf(channel, options),
    maxReceiveBytes: maxReceiveMessageBytes,
    signal: options?.signal,
  };
  channel.start(new UnaryCall(init, payload, sendCompression === "gzip" ? FLAG_COMPRESSED : 0, caller));
}

/** Starts a streaming call; read the answer from `messages()`. */
export function invokeStreaming(channel: Channel, desc: DescMethod, input: MessageSource, options: InvokeOptions | undefined): StreamingCall {
  const { maxSendMessageBytes, maxReceiveMessageBytes, sendCompression } = channel.options;
  const call = new StreamingCall({
    method: methodOf(desc),
    metadata: metadataOf(options),
    timeoutMs: timeoutOf(channel, options),
    maxReceiveBytes: maxReceiveMessageBytes,
    signal: options?.signal,
    input,
    sendGzip: sendCompression === "gzip",
    maxSendBytes: maxSendMessageBytes,
  });
  channel.start(call);
  return call;
}

function encode(method: Method, request: Message | MessageInitShape<DescMessage>): Uint8Array {
  try {
    return method.input.encode(request);
  } catch (error) {
    throw new HeddleError("requestInvalid", { method: method.name, reason: reasonText(error) }, { cause: error });
  }
}

function metadataOf(options: InvokeOptions | undefined): Fields {
  if (options?.headers === undefined) return NO_METADATA;
  return toFields(options.headers instanceof Headers ? options.headers : new Headers(options.headers));
}

function timeoutOf(channel: Channel, options: InvokeOptions | undefined): number {
  const timeoutMs = options?.timeoutMs;
  if (timeoutMs === undefined) return channel.options.defaultTimeoutMs;
  if (Number.isNaN(timeoutMs)) throw new HeddleError("optionInvalid", { option: "timeoutMs", reason: "it is not a number" });
  return timeoutMs <= 0 ? Number.POSITIVE_INFINITY : timeoutMs;
}
