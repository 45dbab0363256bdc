/**
 * One call as the server sees it: the stream it came on, the context that its handler gets, and what calls
 * made inside the handler inherit. One object per call; `Headers`, the abort signal and the context values
 * are made when a handler asks for them.
 */
import type { DescMethod, DescService, Message } from "@bufbuild/protobuf";
import {
  type ConnectError,
  type ContextValues,
  createContextValues,
  type HandlerContext,
} from "@connectrpc/connect";
import type { AmbientCall, CancellableCall } from "../call/context.ts";
import { HeddleError } from "../call/errors.ts";
import { findField, type Fields, toHeaders } from "../call/metadata.ts";
import { newTraceId, parseTraceparent } from "../call/trace.ts";
import { Inbox } from "../connection/inbox.ts";
import { Outbox } from "../connection/outbox.ts";
import type { WheelEntry } from "../runtime/timer-wheel.ts";
import type { RequestHead } from "../wire/http2/head.ts";
import type { Http2Stream } from "../wire/http2/stream.ts";
import type { ServerParts } from "./layer.ts";
import type { Route } from "./router.ts";
import type { ServerSession } from "./session.ts";

/** What receives the request's messages, once the layers have let the call in. */
export interface RequestReader {
  onData(bytes: Uint8Array, start: number, end: number): void;
  onEnd(): void;
}

const NO_FIELDS: Fields = [];

export class ServerCall implements HandlerContext, AmbientCall, WheelEntry {
  readonly parts: ServerParts;
  readonly session: ServerSession;
  readonly stream: Http2Stream;
  readonly head: RequestHead;
  readonly receivedAtMs: number;
  readonly requestMethod = "POST";
  readonly protocolName = "grpc";

  route: Route | undefined = undefined;
  timeoutLimitMs = Number.POSITIVE_INFINITY;
  deadlineAtMs = Number.POSITIVE_INFINITY;
  wheelAtMs = 0;
  wheelNext: WheelEntry | undefined = undefined;
  wheelPrev: WheelEntry | undefined = undefined;
  /** Requests are gzip. */
  compressed = false;
  /** The caller understands gzip and we are to use it. */
  compresses = false;

  reader: RequestReader | undefined = undefined;
  /** The answer of a unary or client-streaming handler. */
  response: Message | undefined = undefined;
  error: ConnectError | undefined = undefined;
  /** The outcome has gone up: whatever the handler still does is without effect. */
  ended = false;
  headWritten = false;
  inbox: Inbox | undefined = undefined;
  outbox: Outbox | undefined = undefined;
  /** The handler layer's way back. */
  finish: ((call: ServerCall) => void) | undefined = undefined;

  #traceId: string | undefined = undefined;
  #children: Set<CancellableCall> | undefined = undefined;
  #controller: AbortController | undefined = undefined;
  #requestHeader: Headers | undefined = undefined;
  #responseHeader: Headers | undefined = undefined;
  #responseTrailer: Headers | undefined = undefined;
  #values: ContextValues | undefined = undefined;
  #propagated: Fields | undefined = undefined;

  constructor(
    parts: ServerParts,
    session: ServerSession,
    stream: Http2Stream,
    head: RequestHead,
    nowMs: number,
  ) {
    this.parts = parts;
    this.session = session;
    this.stream = stream;
    this.head = head;
    this.receivedAtMs = nowMs;
  }

  // HandlerContext.

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
    return `http://${this.head.authority}${this.head.path}`;
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
    this.#traceId ??=
      parseTraceparent(findField(this.head.fields, "traceparent") ?? "")?.traceId ??
      newTraceId(this.parts.random);
    return this.#traceId;
  }

  get propagated(): Fields {
    this.#propagated ??= pickFields(this.head.fields, this.parts.propagate);
    return this.#propagated;
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
    this.abort(new HeddleError("deadlineExceeded", { method: this.head.path.slice(1), deadlineMs, phase }));
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
    this.outbox?.close();
    if (this.#children !== undefined && this.error !== undefined) {
      for (const child of this.#children) child.cancel("the call being served has ended");
    }
    this.#controller?.abort(this.error);
  }

  /** Method and handler, once the route layer has found them. */
  get routed(): Route {
    if (this.route === undefined)
      throw new HeddleError("methodUnknown", {
        path: this.head.path,
        served: this.parts.router.services.join(", "),
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
