/**
 * From a typed request to a call on a channel: what stub and transport share.
 */
import { randomUUID } from "node:crypto";
import type { DescMessage, DescMethod, Message, MessageInitShape } from "@bufbuild/protobuf";
import { invalidOption } from "../call/check-option.ts";
import { messageTooLarge } from "../call/message-limits.ts";
import { type Fields, findField, toFields } from "../call/metadata.ts";
import { toOutgoing } from "../connection/outgoing-message.ts";
import { toRequestError } from "../contract/message-error.ts";
import { IDEMPOTENCY_KEY_FIELD, keyIn } from "../contract/idempotency-key.ts";
import type { Method } from "../contract/method.ts";
import { encodingNamed, type EncodingName } from "../wire/compression.ts";
import type { Channel } from "./channel.ts";
import type { CallSample, MethodUses } from "./contract-usage.ts";
import type { MethodPolicy } from "./method-policy.ts";
import { RequestSlab } from "./request-slab.ts";
import { type MessageSource, StreamingCall } from "./streaming-call.ts";
import { UnaryCall, type UnaryCallInit, type UnaryCaller } from "./unary-call.ts";

export interface InvokeOptions {
  /** In ms; undefined for what the method's policy says, 0 and less for none (as in Connect). */
  readonly timeoutMs?: number | undefined;
  readonly headers?: HeadersInit | undefined;
  readonly signal?: AbortSignal | undefined;
}

const NO_METADATA: Fields = [];

/**
 * Starts a unary call. Throws for a request that cannot be sent; otherwise the caller hears exactly once. `uses`: where calls
 * of the method are counted, if they are.
 */
export function invokeUnary(
  channel: Channel,
  method: Method,
  request: Message | MessageInitShape<DescMessage>,
  options: InvokeOptions | undefined,
  caller: UnaryCaller,
  uses: MethodUses | undefined = channel.usesOf(method),
): void {
  const { messageEncoding } = channel;
  const policy = channel.policyOf(method);
  const init = {
    method,
    policy,
    metadata: metadataOf(options, method, request),
    timeoutMs: timeoutOf(policy, options),
    maxReceiveBytes: policy.maxResponseBytes,
    signal: options?.signal,
    request: NOTHING,
    requestStart: 0,
    requestEnd: 0,
    requestFlag: 0,
  };
  encodeRequest(init, request);
  let hearer = caller;
  if (uses?.count() === true) {
    const sample = uses.sample();
    sample.sent(init.request, init.requestStart, init.requestEnd);
    hearer = watchedBy(sample, caller);
  }
  if (messageEncoding !== undefined) compressRequest(init, messageEncoding, channel);
  channel.start(new UnaryCall(init, hearer));
}

/** The same caller, whose answer is looked at. */
function watchedBy(sample: CallSample, { resolve, reject, answer }: UnaryCaller): UnaryCaller {
  return {
    resolve,
    reject,
    answer(call, response) {
      sample.received(response);
      return answer === undefined ? response : answer(call, response);
    },
  };
}

/** Starts a streaming call; read the answer from `messages()`. */
export function invokeStreaming(
  channel: Channel,
  desc: DescMethod,
  input: MessageSource,
  options: InvokeOptions | undefined,
): StreamingCall {
  const method = channel.methodOf(desc);
  const policy = channel.policyOf(method);
  const uses = channel.usesOf(method);
  const call = new StreamingCall({
    method,
    policy,
    metadata: metadataOf(options, method),
    timeoutMs: timeoutOf(policy, options),
    maxReceiveBytes: policy.maxResponseBytes,
    signal: options?.signal,
    input,
    sendEncoding: encodingNamed(channel.messageEncoding ?? "identity"),
    compressMinBytes: channel.options.compressMinBytes,
    maxSendBytes: policy.maxRequestBytes,
    sample: uses?.count() === true ? uses.sample() : undefined,
  });
  channel.start(call);
  return call;
}

type UnaryInit = { -readonly [Name in keyof UnaryCallInit]: UnaryCallInit[Name] };

const NOTHING = new Uint8Array(0);

/**
 * Shared by all channels: what was encoded is only read. Taken while in use: a getter of a request may make a call,
 * which then gets a slab of its own.
 */
let spareSlab: RequestSlab | undefined = new RequestSlab();

function encodeRequest(init: UnaryInit, request: Message | MessageInitShape<DescMessage>): void {
  const slab = spareSlab ?? new RequestSlab();
  spareSlab = undefined;
  slab.begin();
  try {
    init.method.input.encodeInto(request, slab);
  } catch (error) {
    throw toRequestError(error, init.method.name);
  } finally {
    spareSlab = slab;
  }
  const bytes = slab.length - slab.start;
  const { maxRequestBytes } = init.policy;
  if (bytes > maxRequestBytes) {
    slab.length = slab.start;
    throw messageTooLarge(bytes, maxRequestBytes, "sent");
  }
  init.request = slab.bytes;
  init.requestStart = slab.start;
  init.requestEnd = slab.length;
}

function compressRequest(init: UnaryInit, encoding: EncodingName, { options }: Channel): void {
  const { flag, payload } = toOutgoing(
    init.request.subarray(init.requestStart, init.requestEnd),
    encodingNamed(encoding),
    { maxSendBytes: init.policy.maxRequestBytes, compressMinBytes: options.compressMinBytes },
  );
  init.request = payload;
  init.requestStart = 0;
  init.requestEnd = payload.length;
  init.requestFlag = flag;
}

/** `request`: of a unary call. Others have no key. */
function metadataOf(options: InvokeOptions | undefined, { keyField }: Method, request?: object): Fields {
  const fields = options?.headers === undefined ? NO_METADATA : givenFields(options.headers);
  if (keyField === undefined || findField(fields, IDEMPOTENCY_KEY_FIELD) !== undefined) return fields;
  if (request !== undefined && keyIn(request, keyField) !== undefined) return fields;
  // One key for the call, whatever its attempts.
  return [...fields, IDEMPOTENCY_KEY_FIELD, randomUUID()];
}

function givenFields(headers: HeadersInit): Fields {
  return toFields(headers instanceof Headers ? headers : new Headers(headers));
}

function timeoutOf(policy: MethodPolicy, options: InvokeOptions | undefined): number {
  const timeoutMs = options?.timeoutMs;
  if (timeoutMs === undefined) return policy.timeoutMs;
  if (Number.isNaN(timeoutMs)) throw invalidOption("timeoutMs", "it is not a number");
  return timeoutMs <= 0 ? Number.POSITIVE_INFINITY : timeoutMs;
}
