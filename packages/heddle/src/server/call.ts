/**
 * One call as the server sees it: the request it came with, the context that its handler gets, and what calls
 * made inside the handler inherit. One object per call; `Headers`, the abort signal and the context values
 * are made when a handler asks for them.
 *
 * `Http2Call` and `Http1Call` add the stream it came on. What protocols write goes through the abstract methods
 * here, except that gRPC knows HTTP/2 itself (`protocols/grpc-answer.ts`): it is the fast path.
 */
import type { DescMethod, DescService, Message } from "@bufbuild/protobuf";
import {
  type ConnectError,
  type ContextValues,
  createContextValues,
  type HandlerContext,
} from "@connectrpc/connect";
import { type AmbientCall, type CancellableCall, SERVED_CALL_ENDED } from "../call/context.ts";
import { type Criticality, CRITICALITY_FIELD, toCriticality } from "../call/criticality.ts";
import { HeddleError } from "../call/errors.ts";
import { findField, type Fields, toHeaders } from "../call/metadata.ts";
import { isSampled, newSpanId, newTraceId, parseTraceparent, UNSAMPLED_FIELD } from "../call/trace.ts";
import type { Inbox } from "../connection/inbox.ts";
import type { MessageForm } from "../contract/method.ts";
import type { WheelEntry } from "../runtime/timer-wheel.ts";
import type { Encoding } from "../wire/compression.ts";
import type { RequestHead } from "../wire/http2/head.ts";
import type { ServerParts } from "./layer.ts";
import type { Peer } from "./peer.ts";
import type { ServerProtocol } from "./protocol.ts";
import type { Route } from "./router.ts";

/** What receives the body of the request, once the layers have let the call in. */
export interface RequestReader {
  /** `bytes[start, end)`; the array stays as it is. Whoever has dealt with them calls `take`. */
  onData(bytes: Uint8Array, start: number, end: number): void;
  onEnd(): void;
  /** Where what a reader inside gets is not what came: that it has dealt with so many bytes of what it got. */
  returned?(bytes: number): void;
}

const NO_FIELDS: Fields = [];

export abstract class ServerCall implements HandlerContext, AmbientCall, WheelEntry {
  readonly parts: ServerParts;
  readonly head: RequestHead;
  readonly receivedAtMs: number;

  /** Set by the protocol layer, before anything else looks at the call. */
  protocol: ServerProtocol | undefined = undefined;
  /** Path of the method, without a query. */
  path: string;
  form: MessageForm = "proto";
  route: Route | undefined = undefined;
  timeoutLimitMs = Number.POSITIVE_INFINITY;
  deadlineAtMs = Number.POSITIVE_INFINITY;
  /** What the load meter gave it; -1: it is not counted. */
  loadTag = -1;
  wheelAtMs = 0;
  wheelNext: WheelEntry | undefined = undefined;
  wheelPrev: WheelEntry | undefined = undefined;
  /** How the messages of the request are compressed. */
  requestEncoding: Encoding | undefined = undefined;
  /** How those of the answer may be. */
  responseEncoding: Encoding | undefined = undefined;

  reader: RequestReader | undefined = undefined;
  /** The answer of a unary or client-streaming handler. */
  response: Message | undefined = undefined;
  error: ConnectError | undefined = undefined;
  /** The outcome has gone up: whatever the handler still does is without effect. */
  ended = false;
  headWritten = false;
  /** Tells a caller that was refused when to try again, in ms; -1: not at all. */
  pushbackMs: number | undefined = undefined;
  /** Fields for the head of the answer from layers outside the protocol. */
  answerFields: Fields = NO_FIELDS;
  inbox: Inbox | undefined = undefined;
  /** The handler layer's way back. */
  finish: ((call: ServerCall) => void) | undefined = undefined;

  /** The span of the caller, where it has told one. */
  #parentSpanId: string | undefined = undefined;
  #sampled: boolean | undefined = undefined;
  #traceId: string | undefined = undefined;
  #spanId: string | undefined = undefined;
  #children: Set<CancellableCall> | undefined = undefined;
  #controller: AbortController | undefined = undefined;
  #requestHeader: Headers | undefined = undefined;
  #responseHeader: Headers | undefined = undefined;
  #responseTrailer: Headers | undefined = undefined;
  #values: ContextValues | undefined = undefined;
  #propagated: Fields | undefined = undefined;

  constructor(parts: ServerParts, head: RequestHead, nowMs: number) {
    this.parts = parts;
    this.head = head;
    this.path = head.path;
    this.receivedAtMs = nowMs;
  }

  // The exchange that carries the call.

  abstract readonly httpVersion: "2" | "1.1";
  /** It asks for a WebSocket. */
  readonly isWebSocket: boolean = false;
  /** Who is at the other end, as far as TLS has proved it. */
  abstract readonly peer: Peer;
  /** Nothing more can be sent: our side has ended, or the connection is gone. */
  abstract get over(): boolean;
  /** The reader has dealt with so many bytes of the request's body: the peer may send more. */
  abstract take(bytes: number): void;
  /** Queues the head of the answer. Names in lower case, without `:status`. */
  abstract sendHead(status: number, fields: Fields): void;
  /** Queues bytes of the body, by reference. */
  abstract sendBody(bytes: Uint8Array): void;
  /** Ends the answer behind what is queued. What is left of the request is dropped, without harm to the answer. */
  abstract sendEnd(trailers?: Fields): void;
  /** True while the next message of the answer should wait for `room`. */
  abstract get full(): boolean;
  /** Resolves when the peer takes more, or the call is over. */
  abstract room(): Promise<void>;
  /** Lets the caller know how busy this server is, where there is a way to and it has not heard it just now. */
  abstract tellLoad(nowMs: number): void;
  /** What was sent leaves at the end of this turn. */
  abstract flush(): void;
  /** The outcome has been written, or cannot be: whoever waits for room need not wait any more. */
  protected abstract onSettled(): void;

  // HandlerContext.

  get requestMethod(): string {
    return this.head.method;
  }

  get protocolName(): string {
    return this.protocol?.name ?? "grpc";
  }

  get method(): DescMethod {
    return this.routed.method.desc;
  }

  get service(): DescService {
    return this.routed.method.desc.parent;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.ended) this.#controller.abort(this.error);
    }
    return this.#controller.signal;
  }

  timeoutMs = (): number | undefined =>
    this.deadlineAtMs === Number.POSITIVE_INFINITY ? undefined : this.deadlineAtMs - this.parts.clock.now();

  get requestHeader(): Headers {
    this.#requestHeader ??= toHeaders(this.head.fields);
    return this.#requestHeader;
  }

  get responseHeader(): Headers {
    this.#responseHeader ??= new Headers();
    return this.#responseHeader;
  }

  get responseTrailer(): Headers {
    this.#responseTrailer ??= new Headers();
    return this.#responseTrailer;
  }

  get values(): ContextValues {
    this.#values ??= createContextValues();
    return this.#values;
  }

  get url(): string {
    return `${this.head.scheme}://${this.head.authority}${this.head.path}`;
  }

  /** Metadata that the handler has set, if any. */
  get ownResponseHeader(): Headers | undefined {
    return this.#responseHeader;
  }

  get ownResponseTrailer(): Headers | undefined {
    return this.#responseTrailer;
  }

  /** Forgets metadata of the handler that cannot be sent. */
  dropOwnMetadata(): void {
    this.#responseHeader = undefined;
    this.#responseTrailer = undefined;
  }

  // AmbientCall.

  get traceId(): string {
    this.#readTrace();
    this.#traceId ??= newTraceId(this.parts.random);
    return this.#traceId;
  }

  /** Where spans go nowhere the caller's is passed on, so that the chain has no gap. */
  get spanId(): string {
    this.#readTrace();
    const { traces, random } = this.parts;
    this.#spanId ??= (traces === undefined ? this.#parentSpanId : undefined) ?? newSpanId(random);
    return this.#spanId;
  }

  get parentSpanId(): string | undefined {
    this.#readTrace();
    return this.#parentSpanId;
  }

  get sampled(): boolean {
    return this.#sampled ?? this.#readTrace();
  }

  /** The caller's word counts, also that it keeps nothing; without one the trace begins here. */
  #readTrace(): boolean {
    if (this.#sampled !== undefined) return this.#sampled;
    const { fields } = this.head;
    const given = parseTraceparent(findField(fields, "traceparent") ?? "");
    this.#traceId = given?.traceId;
    this.#parentSpanId = given?.spanId;
    const { traces } = this.parts;
    if (given !== undefined) this.#sampled = isSampled(given.flags);
    else
      this.#sampled =
        traces !== undefined && findField(fields, UNSAMPLED_FIELD) === undefined && traces.samples();
    return this.#sampled;
  }

  get criticality(): Criticality | undefined {
    return toCriticality(findField(this.head.fields, CRITICALITY_FIELD));
  }

  get propagated(): Fields {
    this.#propagated ??= pickFields(this.head.fields, this.parts.propagate);
    return this.#propagated;
  }

  /** The trace that an example of its duration leads to: one that is kept. */
  exemplarTrace(): { readonly traceId: string; readonly spanId?: string } | undefined {
    if (!this.sampled) return undefined;
    const { traceId } = this;
    return this.parts.traces === undefined ? { traceId } : { traceId, spanId: this.spanId };
  }

  get failed(): boolean {
    return this.ended && this.error !== undefined;
  }

  adopt(child: CancellableCall): void {
    this.#children ??= new Set();
    this.#children.add(child);
  }

  release(child: CancellableCall): void {
    this.#children?.delete(child);
  }

  // The life of the call.

  /** The deadline has passed. */
  onWheel(): void {
    const phase = this.reader === undefined ? "waiting for the request" : "waiting for the handler";
    const deadlineMs = Math.round(this.timeoutLimitMs);
    this.abort(new HeddleError("deadlineExceeded", { method: this.name, deadlineMs, phase }));
  }

  /** The answer, to be written now: while its bytes wait for the caller the message is not kept as well. */
  takeResponse(): Message | undefined {
    const { response } = this;
    this.response = undefined;
    return response;
  }

  /** Ends the call with `error`, whatever the handler does. */
  abort(error: ConnectError): void {
    if (this.ended) return;
    this.error = error;
    this.inbox?.cut(error);
    if (this.finish !== undefined) this.finish(this);
  }

  /** Called by the layers once, when the outcome is known: frees what the call holds. */
  settle(): void {
    this.ended = true;
    this.onSettled();
    if (this.#children !== undefined && this.error !== undefined) {
      for (const child of this.#children) child.cancel(SERVED_CALL_ENDED);
    }
    this.#controller?.abort(this.error);
  }

  /** `shop.v1.OrderService/PlaceOrder`, for texts. */
  get name(): string {
    return this.path.slice(1);
  }

  /** Method and handler, once the route layer has found them. */
  get routed(): Route {
    if (this.route === undefined)
      throw new HeddleError("methodUnknown", {
        path: this.path,
        served: this.parts.router.servedNear(this.path),
      });
    return this.route;
  }
}

function pickFields(fields: Fields, names: ReadonlySet<string>): Fields {
  if (names.size === 0) return NO_FIELDS;
  const picked: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    if (names.has(fields[i] as string)) picked.push(fields[i] as string, fields[i + 1] as string);
  }
  return picked;
}
