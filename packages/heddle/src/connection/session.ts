/**
 * What a call needs of the connection under it, whichever version of HTTP that speaks.
 *
 * A call always speaks gRPC to its `StreamWriter`. Over HTTP/2 that is the session itself; for other protocols a
 * translator stands between (`client/protocols/`).
 */
import type { HeaderBlock } from "../wire/hpack/header-block.ts";

/** What a client may speak: a version of HTTP, or what TLS agrees on (HTTP/2 where there is no TLS). */
export const httpVersionNames = ["auto", "2", "1.1"] as const;
export type HttpVersionName = (typeof httpVersionNames)[number];

/** One request and its answer on a connection. `Http2Stream` is one. */
export interface SessionStream {
  /** Our side has ended. */
  readonly localClosed: boolean;
  /** Bytes of the request that wait for the peer or the socket. */
  readonly queuedBytes: number;
}

/** Whoever uses a stream. Called synchronously as the answer arrives; must not throw. */
export interface StreamOwner {
  /** A stream is free: write the request now. */
  onStream(session: Session, stream: SessionStream): void;
  onHeaders(block: HeaderBlock, endStream: boolean, trailers: boolean): void;
  onData(bytes: Uint8Array, start: number, end: number, endStream: boolean): void;
  /** The stream ended early. `unprocessed`: no handler saw the request. */
  onReset(code: number, unprocessed: boolean): void;
  /** The connection is gone. `sent` is false when nothing of the request had been given to it. */
  onLost(reason: string, sent: boolean): void;
  /** The peer answers nothing although it was asked. The owner may let go of the stream and go elsewhere. */
  onSilent?(): void;
  /** The connection takes no more streams; this one may go on. */
  onDraining?(): void;
  /** The stream takes more data. */
  onWritable(): void;
}

/** What a call writes on, in gRPC's terms. */
export interface StreamWriter {
  /** Sends one message, `bytes[start, end)`, in gRPC's envelope; by reference. */
  sendMessage(
    stream: SessionStream,
    flag: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    endStream: boolean,
  ): void;
  /** Ends our side after what was sent. */
  sendEnd(stream: SessionStream): void;
  /** The reader has dealt with so many bytes of the answer: the peer may send more. */
  take(stream: SessionStream, bytes: number): void;
  /** Cancels the stream. No event follows. */
  reset(stream: SessionStream, code: number): void;
  /** What was written leaves at the end of this turn. */
  flushSoon(): void;
}

/** One connection to a peer, or for HTTP/1.1 the few that go to one address. */
export interface Session extends StreamWriter {
  readonly address: string;
  readonly httpVersion: "2" | "1.1";
  /** When the last call was seen here, by the clock. HTTP/2 only. */
  readonly usedAtMs?: number;
  /** When anything last came from the peer, by the clock. HTTP/2 only. */
  readonly heardAtMs?: number;
  /** Calls that have a stream. */
  readonly streams: number;
  /** Calls are open, and the peer answers nothing although it was asked. HTTP/2 only, and peers of our kind. */
  readonly silent?: boolean;
  /** Tells those who use it that it is silent: see `StreamOwner.onSilent`. */
  releaseCalls?(): void;
  /** So many streams are open that the next calls should go elsewhere, if there is somewhere else. */
  readonly full: boolean;
  /** Gives the owner a stream: at once if one is free, else when one becomes free. */
  request(owner: StreamOwner): void;
  /** Withdraws an owner that waits for a stream. */
  withdraw(owner: StreamOwner): void;
  /** Sends the head of a request: `[name, value, …]` in lower case, pseudo-headers first. */
  sendHead(stream: SessionStream, fields: readonly string[], endStream: boolean): void;
  /** Sends bytes of the body, by reference. */
  sendBody(stream: SessionStream, bytes: Uint8Array, endStream: boolean): void;
  /** Asks the peer how busy it is, unless that is under way. Only where there is a way to: HTTP/2, and a peer of our kind. */
  probeLoad?(nowMs: number): void;
  /** No new streams; closes when those open have ended. */
  drain(reason: string): void;
  /** Closes at once; open streams are lost. */
  close(reason: string): void;
  /** How long it may be without a call, in ms, before it says so. HTTP/2 only. */
  setMaxIdleMs?(maxIdleMs: number): void;
}
