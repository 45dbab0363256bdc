/**
 * What stands between a call, which speaks gRPC, and a connection on which another protocol is spoken: it owns the
 * stream towards the connection, and is what the call writes on.
 *
 * A translator lives for one attempt. It writes the head of the request in its protocol, and turns the answer into
 * what a call expects: a gRPC head, messages in gRPC's envelope, and an outcome.
 */
import type { Session, SessionStream, StreamOwner, StreamWriter } from "../../connection/session.ts";
import type { HeaderBlock } from "../../wire/hpack/header-block.ts";
import type { ClientCall } from "../call.ts";
import type { ClientParts } from "../layer.ts";

/** Notes when the request is sent and returns the time left for it in ms. */
export type Begin = (call: ClientCall) => number;

export abstract class Translator implements StreamOwner, StreamWriter {
  protected readonly call: ClientCall;
  protected readonly parts: ClientParts;
  readonly #begin: Begin;
  #session: Session | undefined;
  #stream: SessionStream | undefined;

  constructor(call: ClientCall, parts: ClientParts, begin: Begin) {
    this.call = call;
    this.parts = parts;
    this.#begin = begin;
  }

  /** Whether the head depends on the first message, which has to be there before a stream is asked for. */
  get needsMessage(): boolean {
    return false;
  }

  /** Called before the first message: writes the head, or keeps what it needs to write it with the message. */
  protected abstract start(session: Session, stream: SessionStream, leftMs: number): void;
  abstract onHeaders(block: HeaderBlock, endStream: boolean, trailers: boolean): void;
  abstract onData(bytes: Uint8Array, start: number, end: number, endStream: boolean): void;

  // Towards the connection.

  onStream(session: Session, stream: SessionStream): void {
    this.#session = session;
    this.#stream = stream;
    this.start(session, stream, this.#begin(this.call));
    this.call.onStream(this, stream);
    session.flushSoon();
  }

  onReset(code: number, unprocessed: boolean): void {
    this.call.onReset(code, unprocessed);
  }

  onLost(reason: string, sent: boolean): void {
    this.call.onLost(reason, sent);
  }

  onSilent(): void {
    this.call.onSilent();
  }

  onDraining(): void {
    this.call.onDraining?.();
  }

  onWritable(): void {
    this.call.onWritable();
  }

  /** False once the call has ended, for whatever reason: what still arrives is nobody's. */
  protected get isWanted(): boolean {
    return this.call.stream !== undefined;
  }

  /** The peer may send as much again. */
  protected give(bytes: number): void {
    if (bytes === 0 || this.#session === undefined || this.#stream === undefined || !this.isWanted) return;
    this.#session.take(this.#stream, bytes);
    this.#session.flushSoon();
  }

  // Towards the call.

  sendMessage(
    stream: SessionStream,
    flag: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    endStream: boolean,
  ): void {
    this.#session?.sendMessage(stream, flag, bytes, start, end, endStream);
  }

  sendEnd(stream: SessionStream): void {
    this.#session?.sendEnd(stream);
  }

  take(stream: SessionStream, bytes: number): void {
    this.#session?.take(stream, bytes);
  }

  reset(stream: SessionStream, code: number): void {
    this.#session?.reset(stream, code);
  }

  flushSoon(): void {
    this.#session?.flushSoon();
  }
}
