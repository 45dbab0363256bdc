/**
 * One call of a client, from the stub to the wire and back: all state that the layers share.
 *
 * The object is the call record, the entry of the deadline wheel and the owner of the stream at once, so that
 * a call costs one object. `UnaryCall` and `StreamingCall` add what a message, or many, need.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import type { AmbientCall, CancellableCall } from "../call/context.ts";
import type { Criticality } from "../call/criticality.ts";
import { HeddleError, reasonText } from "../call/errors.ts";
import type { Fields } from "../call/metadata.ts";
import type { AttemptRecord, CallPhase } from "../call/record.ts";
import { STATUS_OK, statusName } from "../call/status.ts";
import type { Session, SessionStream, StreamOwner, StreamWriter } from "../connection/session.ts";
import type { Subchannel } from "../connection/subchannel.ts";
import type { Method } from "../contract/method.ts";
import type { WheelEntry } from "../runtime/timer-wheel.ts";
import type { Encoding } from "../wire/compression.ts";
import type { HeaderBlock } from "../wire/hpack/header-block.ts";
import { CANCEL } from "../wire/http2/constants.ts";
import { refusalReason, resetCode, resetReason } from "./reset-code.ts";
import { readResponse, readTrailers } from "./response.ts";
import type { MethodMetrics } from "./client-metrics.ts";
import type { MethodPolicy } from "./method-policy.ts";
import type { SignalCall } from "./signal-calls.ts";

/** Whoever holds a call that is not moving: it must let go when the call is aborted, and hand it on upwards. */
export interface Holder {
  abort(call: ClientCall): void;
}

/** Several attempts of one call that are under way at once. */
export interface Race {
  /** One of them has an outcome. */
  ended(attempt: ClientCall): void;
  /** The addresses of those that run, for texts. */
  readonly instances: string;
  /** How long an attempt takes as a rule, in ms; 0 where that is not known. */
  readonly usualMs: number;
}

export interface ClientCallInit {
  readonly method: Method;
  /** What the channel does with calls of the method. */
  readonly policy: MethodPolicy;
  /** Metadata of the user, already checked. */
  readonly metadata: Fields;
  /** Time for the whole call in ms; `Infinity` for none. */
  readonly timeoutMs: number;
  readonly maxReceiveBytes: number;
  readonly signal: AbortSignal | undefined;
}

export abstract class ClientCall implements WheelEntry, SignalCall, CancellableCall, StreamOwner {
  readonly method: Method;
  readonly policy: MethodPolicy;
  readonly metadata: Fields;
  readonly maxReceiveBytes: number;
  /** The caller's own way to cancel. */
  readonly signal: AbortSignal | undefined;

  /** What the call was given, shortened by an inherited deadline, in ms. */
  timeoutMs: number;
  startedAtMs = 0;
  /** What it would have had by itself, where the served call's deadline was shorter; 0 where not. */
  wantedMs = 0;
  deadlineAtMs = Number.POSITIVE_INFINITY;
  endedAtMs = 0;
  wheelAtMs = 0;
  wheelNext: WheelEntry | undefined = undefined;
  wheelPrev: WheelEntry | undefined = undefined;

  signalNext: SignalCall | undefined = undefined;
  signalPrevious: SignalCall | undefined = undefined;

  /** The served call inside which this one was made. */
  parent: AmbientCall | undefined = undefined;
  traceId: string | undefined = undefined;
  /** The trace is one that is kept. */
  sampled = false;
  /** What the spans of the call are children of. */
  parentSpanId: string | undefined = undefined;
  /** The span of this attempt, as its head says. */
  spanId: string | undefined = undefined;
  /** How much it matters, by its policy and by the served call; its own metadata may say otherwise. */
  criticality: Criticality | undefined = undefined;

  /** What is counted of the calls of its method; undefined where nothing is. */
  counts: MethodMetrics | undefined = undefined;

  phase: CallPhase = "waiting for an instance";
  holder: Holder | undefined = undefined;
  /** Ended by deadline or cancellation: no further attempt. */
  aborted = false;

  /** It had to wait for an instance: part of its time is gone before it is sent. */
  waited = false;
  attempts = 0;
  /** Attempts that no handler saw; they do not count against `maxAttempts`. */
  unsentAttempts = 0;
  /** Of these, those that a server refused, and whether this attempt is one. */
  refusedAttempts = 0;
  refused = false;
  /** Sent while another attempt of the call was under way. */
  isHedge = false;
  /** Where the call may be hedged. */
  race: Race | undefined = undefined;
  /** Ends the attempt, where it has a time of its own. */
  attemptTimer: WheelEntry | undefined = undefined;
  attemptStartedAtMs = 0;
  /** When the wait for an instance was over; 0: there was none. */
  pickedAtMs = 0;
  sentAtMs = 0;
  /** The instance of this attempt. */
  subchannel: Subchannel | undefined = undefined;
  /** Among how many it was chosen, and how many calls it had then, with this one. */
  pickedFrom = 0;
  pickedInFlight = 0;
  /** Instances of earlier attempts. */
  tried: Subchannel[] | undefined = undefined;
  earlier: AttemptRecord[] | undefined = undefined;
  /** Set by the retry layer; calls that end outside of it never had an attempt. */
  stoppedBecause = "it ended before its first attempt";

  /** The connection that was asked for a stream, and who asked: the call, or what translates for it. */
  askedSession: Session | undefined = undefined;
  askedBy: StreamOwner = this;
  /** What the call writes on, once it has a stream: the connection, or what translates for it. */
  writer: StreamWriter | undefined = undefined;
  stream: SessionStream | undefined = undefined;
  /** The send layer's way back. */
  attemptDone: ((call: ClientCall) => void) | undefined = undefined;
  writeRequest: ((call: ClientCall, writer: StreamWriter, stream: SessionStream) => void) | undefined =
    undefined;

  /** Set when the attempt, or the call, failed. */
  error: ConnectError | undefined = undefined;
  head: HeaderBlock | undefined = undefined;
  trailers: HeaderBlock | undefined = undefined;
  /** How the messages of the answer are compressed. */
  answerEncoding: Encoding | undefined = undefined;

  constructor({ method, policy, metadata, timeoutMs, maxReceiveBytes, signal }: ClientCallInit) {
    this.method = method;
    this.policy = policy;
    this.metadata = metadata;
    this.timeoutMs = timeoutMs;
    this.maxReceiveBytes = maxReceiveBytes;
    this.signal = signal;
  }

  /** False once something of the request or answer cannot be given again: the call is bound to this attempt. */
  abstract get replayable(): boolean;
  /**
   * Where the head of a request depends on its first message: makes that ready, so that `sendMessages` has it at once. Streams
   * of HTTP/2 must begin in the order in which they were opened. Rejects when there is none.
   */
  prepare(): Promise<void> {
    return Promise.resolve();
  }
  /** Sends the request's messages; the head has been written. */
  abstract sendMessages(writer: StreamWriter, stream: SessionStream): void;
  /** Forgets the answer of a failed attempt. */
  abstract resetAnswer(): void;
  /** The call is over, for good: told by the top of the stack. */
  abstract settle(): void;
  /** The stream ended with OK: the last check of the answer. May set `error`. */
  protected abstract finishAnswer(): void;
  abstract onData(bytes: Uint8Array, start: number, end: number, endStream: boolean): void;
  abstract onWritable(): void;
  /** For calls that are bound to no connection and never end by themselves. */
  onDraining?(): void;

  // Ways to end early.

  onWheel(): void {
    this.abort(this.deadlineError());
  }

  deadlineError(): HeddleError {
    const deadlineMs = Math.round(this.timeoutMs);
    return new HeddleError("deadlineExceeded", {
      method: this.method.name,
      deadlineMs,
      phase: this.#doing(),
    });
  }

  /** The phase, with whom it waits for. */
  #doing(): string {
    const { phase, subchannel, race, attempts } = this;
    const whom = race?.instances ?? subchannel?.address;
    const which = attempts > 1 ? ` (attempt ${attempts})` : "";
    if (phase === "backing off")
      return attempts === 1 ? "waiting after an attempt" : `waiting after ${attempts} attempts`;
    if (whom === undefined || phase === "waiting for an instance") return phase + which;
    return `${phase} ${phase === "waiting for a stream" ? "to" : "of"} ${whom}${which}`;
  }

  cancel(reason: string): void {
    this.abort(new HeddleError("cancelled", { method: this.method.name, reason }));
  }

  onSignal(): void {
    this.abort(this.abortError());
  }

  /** What the abort of `signal` means. Where there are interceptors, their signal keeps the deadline as well. */
  abortError(): HeddleError {
    const method = this.method.name;
    const cause: unknown = this.signal?.reason;
    if (cause instanceof ConnectError && cause.code === Code.DeadlineExceeded) {
      const deadlineMs = Math.round(this.timeoutMs);
      return new HeddleError("deadlineExceeded", { method, deadlineMs, phase: this.#doing() }, { cause });
    }
    return new HeddleError("cancelled", { method, reason: reasonText(cause) }, { cause });
  }

  /** Ends the call with `error` wherever it stands. Does nothing when it has ended. */
  abort(error: ConnectError): void {
    const { holder } = this;
    if (this.aborted || holder === undefined) return;
    this.aborted = true;
    this.error = error;
    this.holder = undefined;
    holder.abort(this);
  }

  /** Ends the attempt that runs, not the call. */
  endAttempt(error: ConnectError): void {
    const { holder } = this;
    if (holder === undefined) return;
    this.error = error;
    this.holder = undefined;
    holder.abort(this);
  }

  /** Further attempts are made on other instances, where there are any. */
  noteTried(subchannel: Subchannel | undefined): void {
    if (subchannel === undefined) return;
    if (this.tried === undefined) this.tried = [subchannel];
    else if (!this.tried.includes(subchannel)) this.tried.push(subchannel);
  }

  /** Attempts before this one that a handler may have seen. */
  get previousAttempts(): number {
    return this.attempts - this.unsentAttempts - 1;
  }

  // The stream's events.

  onStream(writer: StreamWriter, stream: SessionStream): void {
    this.writer = writer;
    this.stream = stream;
    this.phase = "waiting for the answer";
    this.writeRequest?.(this, writer, stream);
  }

  onHeaders(block: HeaderBlock, endStream: boolean, trailers: boolean): void {
    if (this.stream === undefined) return;
    if (trailers) {
      this.trailers = block;
      return this.endStream(readTrailers(this, block));
    }
    this.head = block;
    const error = readResponse(this, block, endStream);
    if (endStream) this.endStream(error);
    else if (error !== undefined) this.fail(error);
  }

  /** The answer is complete, of a protocol that says how it ended in other words than gRPC's trailers. */
  onOutcome(trailers: HeaderBlock, error: ConnectError | undefined): void {
    this.trailers = trailers;
    this.endStream(error);
  }

  onReset(code: number, unprocessed: boolean): void {
    if (this.holder === undefined) return;
    const address = this.subchannel?.address ?? "";
    const method = this.method.name;
    this.stream = undefined;
    this.refused = unprocessed;
    if (unprocessed) this.#end(new HeddleError("streamRefused", { address, reason: refusalReason(code) }));
    else if (code === CANCEL) this.#end(new HeddleError("peerCancelled", { method, address }));
    else
      this.#end(
        new HeddleError(
          "streamReset",
          { address, method, reason: resetReason(code) },
          { code: resetCode(code) },
        ),
      );
  }

  onLost(reason: string, sent: boolean): void {
    // What is told of one stream may end other calls meanwhile, whose streams then hear of it too.
    if (this.holder === undefined) return;
    const address = this.subchannel?.address ?? "";
    this.stream = undefined;
    this.#end(new HeddleError(sent ? "connectionLost" : "streamRefused", { address, reason }));
  }

  /** Another instance can still be asked, where the method may be repeated and nothing of the answer is here. */
  onSilent(): void {
    if (this.stream === undefined || this.head !== undefined) return;
    if (!this.policy.idempotent || !this.replayable) return;
    const address = this.subchannel?.address ?? "";
    this.fail(new HeddleError("instanceSilent", { address, method: this.method.name }));
  }

  /** The answer is complete, with its status. */
  protected endStream(error: ConnectError | undefined): void {
    const { stream, writer } = this;
    if (stream === undefined) return;
    this.stream = undefined;
    // The callee may be done before our side is: tell it that no more will come.
    if (!stream.localClosed) writer?.reset(stream, CANCEL);
    this.error = error;
    if (error === undefined) this.finishAnswer();
    this.#end(this.error);
  }

  /** The answer cannot be used: cancel the stream and end the attempt. */
  fail(error: ConnectError): void {
    const { stream, writer } = this;
    this.stream = undefined;
    if (stream !== undefined) writer?.reset(stream, CANCEL);
    this.#end(error);
  }

  #end(error: ConnectError | undefined): void {
    this.error = error;
    this.holder = undefined;
    this.attemptDone?.(this);
  }

  /** The trace that an example of its duration leads to, where it has one that is kept. */
  exemplarTrace(): { readonly traceId: string; readonly spanId?: string } | undefined {
    const { sampled, traceId, spanId } = this;
    if (!sampled || traceId === undefined) return undefined;
    return spanId === undefined ? { traceId } : { traceId, spanId };
  }

  // The record.

  get status(): number {
    return this.error === undefined ? STATUS_OK : this.error.code;
  }

  describeAttempt(nowMs: number): AttemptRecord {
    const { error, subchannel, spanId, pickedAtMs } = this;
    const elapsedMs = nowMs - this.attemptStartedAtMs;
    const heardAtMs = error === undefined ? undefined : this.askedSession?.heardAtMs;
    return {
      instance: subchannel?.id ?? "",
      address: subchannel?.address ?? "",
      startedAfterMs: this.attemptStartedAtMs - this.startedAtMs,
      untilSentMs:
        this.sentAtMs >= this.attemptStartedAtMs ? this.sentAtMs - this.attemptStartedAtMs : elapsedMs,
      elapsedMs,
      status: statusName(this.status),
      ...(this.isHedge ? { hedge: true } : {}),
      ...(error === undefined ? {} : { error: error.rawMessage }),
      ...(subchannel === undefined ? {} : { pickedFrom: this.pickedFrom, inFlight: this.pickedInFlight }),
      ...(pickedAtMs === 0 ? {} : { untilPickedMs: pickedAtMs - this.attemptStartedAtMs }),
      ...(spanId === undefined ? {} : { spanId }),
      ...(heardAtMs === undefined ? {} : { heardAgoMs: Math.max(0, nowMs - heardAtMs) }),
    };
  }

  /** A call that ended before its first attempt, or while it waited for the next, has described all it made. */
  allAttempts(): AttemptRecord[] {
    const earlier = this.earlier ?? [];
    return earlier.length === this.attempts ? earlier : [...earlier, this.describeAttempt(this.endedAtMs)];
  }
}
