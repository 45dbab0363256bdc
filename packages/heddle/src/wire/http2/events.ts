/**
 * What the HTTP/2 machine tells its owner. Callbacks, not an emitter: they run for every frame of every
 * call, synchronously inside `receive`, and must not throw.
 */
import type { HeaderBlock } from "../hpack/header-block.ts";
import type { HeddleError } from "../../call/errors.ts";
import type { LoadReport } from "../../call/load-report.ts";
import type { Http2Stream } from "./stream.ts";

export interface Http2Events {
  /** A whole header block: request or response head, or trailers (`trailers` true). */
  onHeaders(stream: Http2Stream, block: HeaderBlock, endStream: boolean, trailers: boolean): void;
  /**
   * Payload of one DATA frame, `bytes[start, end)`. The array stays valid. The owner calls `take` on the
   * connection when the reader has had the bytes; until then they count against the windows.
   */
  onData(stream: Http2Stream, bytes: Uint8Array, start: number, end: number, endStream: boolean): void;
  /**
   * The stream ended early: reset by the peer, or by us because the peer broke a rule on it.
   * `unprocessed` is true when the peer says that no handler saw it (REFUSED_STREAM, or beyond a GOAWAY).
   */
  onReset(stream: Http2Stream, code: number, unprocessed: boolean): void;
  /** The stream's queue has drained: its writer may go on. */
  onWritable(stream: Http2Stream): void;
  /** The peer's settings are known or changed. */
  onSettings(): void;
  /** The peer is going away: no new streams here. Streams above `lastStreamId` have been reset already. */
  onGoaway(lastStreamId: number, code: number, debug: string): void;
  /** The peer answered a ping of ours, with its content. Those that measure the link are not told. */
  onPong(opaque: Uint8Array): void;
  /** A client asks how busy this server is: answer with `reportLoad`. */
  onLoadProbe(): void;
  /** A server says how busy it is. `probed`: because it was asked. */
  onLoadReport(load: LoadReport, probed: boolean): void;
  /** The peer broke the protocol or a limit. GOAWAY is in the output already; close the socket after it. */
  onConnectionError(error: HeddleError): void;
}
