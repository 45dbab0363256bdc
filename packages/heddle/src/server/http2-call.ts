/**
 * A call that came on a stream of HTTP/2.
 */
import type { Fields } from "../call/metadata.ts";
import { Waker } from "../connection/waker.ts";
import { writeFields } from "../connection/write-fields.ts";
import { NO_ERROR } from "../wire/http2/constants.ts";
import type { RequestHead } from "../wire/http2/head.ts";
import { QUEUE_LOW_WATER_BYTES } from "../wire/http2/sender.ts";
import type { Http2Stream } from "../wire/http2/stream.ts";
import { ServerCall } from "./call.ts";
import type { ServerParts } from "./layer.ts";
import type { Peer } from "./peer.ts";
import type { ServerSession } from "./session.ts";

export class Http2Call extends ServerCall {
  readonly httpVersion = "2";
  readonly session: ServerSession;
  readonly stream: Http2Stream;
  /** Made for the first handler that waits: most calls have none. */
  #waker: Waker | undefined = undefined;

  constructor(
    parts: ServerParts,
    session: ServerSession,
    stream: Http2Stream,
    head: RequestHead,
    nowMs: number,
  ) {
    super(parts, head, nowMs);
    this.session = session;
    this.stream = stream;
  }

  get peer(): Peer {
    return this.session.peer;
  }

  get over(): boolean {
    return this.stream.localClosed || this.session.machine.closed;
  }

  take(bytes: number): void {
    const { session, stream } = this;
    session.machine.take(stream, bytes);
    session.flushSoon();
  }

  sendHead(status: number, fields: Fields): void {
    if (this.over) return;
    const { machine } = this.session;
    const mark = machine.beginHeaders();
    writeFields(machine, [":status", String(status), ...fields]);
    machine.endHeaders(mark, this.stream, false);
  }

  sendBody(bytes: Uint8Array): void {
    // The answer to HEAD has the fields of one to GET, and nothing else (RFC 9110 §9.3.2).
    if (this.head.method === "HEAD") return;
    this.session.machine.sendBytes(this.stream, bytes, false);
  }

  sendEnd(trailers?: Fields): void {
    if (this.over) return;
    const { machine } = this.session;
    if (trailers === undefined || trailers.length === 0) machine.sendEnd(this.stream);
    else machine.afterData(this.stream, writeTrailers, { call: this, trailers });
    this.dropRequest();
  }

  /**
   * A caller that has not ended its side is told to stop (RFC 9113 §8.1). While the answer still waits for the socket, a
   * reset would drop it; the rest of the request is then dropped as it comes.
   */
  dropRequest(): void {
    const { stream, session } = this;
    if (!stream.remoteClosed && stream.localClosed) session.machine.reset(stream, NO_ERROR);
  }

  get full(): boolean {
    return !this.ended && this.stream.queuedBytes >= QUEUE_LOW_WATER_BYTES;
  }

  room(): Promise<void> {
    this.#waker ??= new Waker();
    return this.#waker.waitWhile(() => this.full);
  }

  /** The stream takes more. */
  onWritable(): void {
    this.#waker?.wake();
  }

  tellLoad(nowMs: number): void {
    this.session.tellLoad(nowMs);
  }

  flush(): void {
    this.session.flushSoon();
  }

  protected onSettled(): void {
    this.onWritable();
    this.session.streamEnded();
  }
}

function writeTrailers({ call, trailers }: { readonly call: Http2Call; readonly trailers: Fields }): void {
  if (call.over) return;
  const { machine } = call.session;
  const mark = machine.beginHeaders();
  machine.encoder.fields(machine.out, trailers, "plain");
  machine.endHeaders(mark, call.stream, true);
  call.dropRequest();
}
