/**
 * A streaming call: messages out from an async iterable, messages back as one, with back-pressure both ways.
 *
 * The next message is asked of the caller's iterable only when the stream has room for it, and the callee is
 * slowed down when the caller's loop is slow (see `connection/inbox.ts`).
 */
import type { DescMessage, Message, MessageInitShape } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { HeddleError } from "../call/errors.ts";
import { messageTooLarge } from "../call/message-limits.ts";
import type { ClientSession } from "../connection/client-session.ts";
import { Inbox, type InboxMessage } from "../connection/inbox.ts";
import { Outbox } from "../connection/outbox.ts";
import { toMessageError, toRequestError } from "../contract/message-error.ts";
import { compressGzip, decompressGzip } from "../wire/compression.ts";
import { FLAG_COMPRESSED } from "../wire/envelope-reader.ts";
import type { Http2Stream } from "../wire/http2/stream.ts";
import { ClientCall, type ClientCallInit } from "./call.ts";
import { envelopeError, responseInvalid, undeclaredCompression } from "./response.ts";

export type MessageSource = AsyncIterable<Message | MessageInitShape<DescMessage>>;

export interface StreamingCallInit extends ClientCallInit {
  readonly input: MessageSource;
  readonly sendGzip: boolean;
  readonly maxSendBytes: number;
}

export class StreamingCall extends ClientCall {
  readonly #init: StreamingCallInit;
  #input: AsyncIterator<Message | MessageInitShape<DescMessage>> | undefined = undefined;
  #inputTouched = false;
  #single: Promise<InboxMessage> | undefined = undefined;
  #answerTouched = false;
  #over = false;
  #inbox: Inbox;
  #outbox: Outbox | undefined = undefined;
  /** Resolves when the head of the answer is there, or the call is over. */
  readonly started: Promise<void>;
  readonly #start: () => void;

  constructor(init: StreamingCallInit) {
    super(init);
    this.#init = init;
    this.#inbox = this.#newInbox();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.started = promise;
    this.#start = resolve;
  }

  /** Until the first message was asked of the caller, or the head of the answer arrived. */
  get replayable(): boolean {
    return !this.#inputTouched && !this.#answerTouched;
  }

  override onHeaders(...args: Parameters<ClientCall["onHeaders"]>): void {
    super.onHeaders(...args);
    if (this.head === undefined || this.stream === undefined) return;
    this.#answerTouched = true;
    this.#start();
  }

  sendMessages(session: ClientSession, stream: Http2Stream): void {
    const outbox = new Outbox(session.machine, stream, () => session.flushSoon());
    this.#outbox = outbox;
    this.#pump(session, stream, outbox).catch((error: unknown) => this.abort(ConnectError.from(error)));
  }

  resetAnswer(): void {
    this.head = undefined;
    this.trailers = undefined;
    this.#outbox?.close();
    this.#inbox = this.#newInbox();
  }

  onData(bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    if (this.stream === undefined) return;
    const fault = this.#inbox.push(bytes, start, end);
    if (fault !== undefined) return this.fail(envelopeError(this, fault));
    if (endStream) this.endStream(responseInvalid(this, "it ended without trailers"));
  }

  onWritable(): void {
    this.#outbox?.onWritable();
  }

  protected finishAnswer(): void {
    if (!this.#inbox.isAtBoundary) this.error = responseInvalid(this, "it ended inside a message");
  }

  /** The call is over, for good: told by the top of the stack. */
  settle(): void {
    this.#over = true;
    if (this.aborted && this.error !== undefined) this.#inbox.cut(this.error);
    else this.#inbox.end(this.error);
    this.#outbox?.close();
    this.#start();
    this.#closeInput();
  }

  /** The messages of the answer; throws the call's error at the end. Leaving the loop early cancels the call. */
  async *messages(): AsyncGenerator<Message, void, undefined> {
    try {
      await this.started;
      for (let next = await this.#inbox.next(); next !== undefined; next = await this.#inbox.next()) {
        yield this.#open(next);
      }
    } finally {
      if (!this.#over) this.cancel("the caller left its loop over the answer");
    }
  }

  #newInbox(): Inbox {
    return new Inbox({
      maxMessageBytes: this.maxReceiveBytes,
      take: (bytes) => {
        const { session, stream } = this;
        if (session === undefined || stream === undefined) return;
        session.machine.take(stream, bytes);
        session.flushSoon();
      },
    });
  }

  #open({ flag, payload }: InboxMessage): Message {
    try {
      if (flag !== FLAG_COMPRESSED) return this.method.output.decode(payload);
      if (!this.compressed) throw undeclaredCompression(this);
      return this.method.output.decode(decompressGzip(payload, this.maxReceiveBytes));
    } catch (error) {
      const failure = toMessageError(error, this.method.name);
      this.abort(failure);
      throw failure;
    }
  }

  async #pump(session: ClientSession, stream: Http2Stream, outbox: Outbox): Promise<void> {
    if (this.method.desc.methodKind === "server_streaming") return this.#sendSingle(session, stream, outbox);
    this.#inputTouched = true;
    const input = this.#init.input[Symbol.asyncIterator]();
    this.#input = input;
    while (!outbox.closed) {
      const next = await input.next();
      if (outbox.closed) return;
      if (next.done === true) break;
      const { flag, payload } = this.#encode(next.value);
      outbox.write(flag, payload);
      if (outbox.full) await outbox.room();
    }
    if (outbox.closed) return;
    this.#input = undefined;
    session.machine.sendEnd(stream);
    session.flushSoon();
  }

  /** The one request of a server stream is kept, so that another attempt can send it again. */
  async #sendSingle(session: ClientSession, stream: Http2Stream, outbox: Outbox): Promise<void> {
    this.#single ??= this.#readSingle();
    const { flag, payload } = await this.#single;
    if (outbox.closed) return;
    outbox.write(flag, payload);
    session.machine.sendEnd(stream);
    session.flushSoon();
  }

  async #readSingle(): Promise<InboxMessage> {
    for await (const message of this.#init.input) return this.#encode(message);
    throw new HeddleError("requestInvalid", { method: this.method.name, reason: "there is no message" });
  }

  #encode(message: Message | MessageInitShape<DescMessage>): InboxMessage {
    let payload: Uint8Array;
    try {
      payload = this.method.input.encode(message);
    } catch (error) {
      throw toRequestError(error, this.method.name);
    }
    const { maxSendBytes, sendGzip } = this.#init;
    if (payload.length > maxSendBytes) {
      throw messageTooLarge(payload.length, maxSendBytes, "sent");
    }
    return sendGzip ? { flag: FLAG_COMPRESSED, payload: compressGzip(payload) } : { flag: 0, payload };
  }

  /** Lets the caller's iterable clean up. Its own failure has nobody to go to: the call has ended already. */
  #closeInput(): void {
    const input = this.#input;
    this.#input = undefined;
    if (input?.return === undefined) return;
    Promise.resolve(input.return()).catch(() => {});
  }
}
