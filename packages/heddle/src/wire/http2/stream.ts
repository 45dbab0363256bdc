/**
 * One HTTP/2 stream as the machine keeps it: a handful of numbers, no queue until one is needed.
 *
 * States, from the two `closed` flags (RFC 9113 §5.1): neither = open, `localClosed` = half-closed (local),
 * `remoteClosed` = half-closed (remote), both = closed and forgotten.
 */
import { MAX_WINDOW } from "./constants.ts";

/** Writes the header block of trailers when the data before it has gone out. */
export type WriteTrailers = () => void;

export class Http2Stream {
  readonly id: number;
  /** The call that this stream carries. */
  owner: unknown = undefined;
  localClosed = false;
  remoteClosed = false;
  /** True once the first header block arrived: the next one is trailers. */
  headersReceived = false;

  /** Bytes that we may send before the peer grants more. May be negative after a settings change. */
  sendWindow: number;
  /** Bytes that the peer may still send. */
  receiveWindow: number;
  /** An empty DATA frame has arrived that did not end the stream. */
  emptyDataSeen = false;
  /** Bytes of content that the peer announced and has not sent; -1 when it announced none. The owner sets it. */
  contentMissing = -1;
  /** Bytes received and taken by the reader, not yet granted back. */
  taken = 0;
  /** Bytes received and not yet taken by the reader. */
  unread = 0;

  /** Data that waits for window or socket; undefined while nothing waits. */
  queue: Uint8Array[] | undefined = undefined;
  /** Position inside the first chunk of `queue`. */
  queueOffset = 0;
  queuedBytes = 0;
  /** END_STREAM goes with the last queued byte. */
  endQueued = false;
  trailersQueued: WriteTrailers | undefined = undefined;

  constructor(id: number, sendWindow: number, receiveWindow: number) {
    this.id = id;
    this.sendWindow = sendWindow;
    this.receiveWindow = receiveWindow;
  }

  /** Accounts content received; false when it is not what was announced (RFC 9113 §8.1.1). */
  acceptsContent(bytes: number, endStream: boolean): boolean {
    if (this.contentMissing < 0) return true;
    if (bytes > this.contentMissing) return false;
    this.contentMissing -= bytes;
    return !endStream || this.contentMissing === 0;
  }

  /** Grants `bytes` more to send; false when the window would overflow. */
  grant(bytes: number): boolean {
    this.sendWindow += bytes;
    return this.sendWindow <= MAX_WINDOW;
  }
}
