/**
 * A streaming call: messages out from an async iterable, messages back as one, with back-pressure both ways.
 *
 * The next message is asked of the caller's iterable only when the stream has room for it, and the callee is
 * slowed down when the caller's loop is slow (see `connection/inbox.ts`).
 */
import type { DescMessage, Message, MessageInitShape } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { HeddleError } from "../call/errors.ts";
import { Inbox, type InboxMessage } from "../connection/inbox.ts";
import { InboxMessages } from "../connection/inbox-messages.ts";
import { Outbox } from "../connection/outbox.ts";
import { type OutgoingLimits, type OutgoingMessage, toOutgoing } from "../connection/outgoing-message.ts";
import type { SessionStream, StreamWriter } from "../connection/session.ts";
import { toMessageError, toRequestError } from "../contract/message-error.ts";
import type { Encoding } from "../wire/compression.ts";
import { FLAG_COMPRESSED } from "../wire/envelope-reader.ts";
import { ClientCall, type ClientCallInit } from "./call.ts";
import type { CallSample } from "./contract-usage.ts";
import { envelopeError, responseInvalid, undeclaredCompression } from "./response.ts";

export type MessageSource = AsyncIterable<Message | MessageInitShape<DescMessage>>;

export interface StreamingCallInit extends ClientCallInit, OutgoingLimits {
  readonly input: MessageSource;
  readonly sendEncoding: Encoding | undefined;
  /** Which notes what is used, if this call is one that is looked at. */
  readonly sample?: CallSample | undefined;
}

export class StreamingCall extends ClientCall {
  readonly #init: StreamingCallInit;
  #input: AsyncIterator<Message | MessageInitShape<DescMessage>> | undefined = undefined;
  #inputTouched = false;
  #single: Promise<OutgoingMessage> | undefined = undefined;
  #firstNext: Promise<IteratorResult<Message | MessageInitShape<DescMessage>>> | undefined = undefined;
  /** The first message, where it had to be there before the head; kept for another attempt. */
  #first: OutgoingMessage | undefined = undefined;
  #answerTouched = false;
  #over = false;
  /** One for all attempts: of an attempt that brought anything there is no other. */
  readonly #inbox: Inbox;
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

  override async prepare(): Promise<void> {
    if (this.method.desc.methodKind === "server_streaming") {
      this.#single ??= this.#readSingle();
      this.#first = await this.#single;
      return;
    }
    if (this.#first !== undefined) return;
    // A second attempt that begins before the caller has said anything waits for the same message.
    this.#input ??= this.#init.input[Symbol.asyncIterator]();
    this.#firstNext ??= this.#input.next();
    const next = await this.#firstNext;
    if (next.done === true) {
      const reason = "its path depends on its messages, and there is none";
      throw new HeddleError("requestInvalid", { method: this.method.name, reason });
    }
    this.#first = this.#encode(next.value);
  }

  sendMessages(writer: StreamWriter, stream: SessionStream): void {
    const outbox = new Outbox(writer, stream);
    this.#outbox = outbox;
    const first = this.#first;
    if (first !== undefined) outbox.write(first.flag, first.payload);
    if (first !== undefined && this.method.desc.methodKind === "server_streaming")
      return writer.sendEnd(stream);
    this.#pump(writer, stream, outbox).catch((error: unknown) => this.abort(ConnectError.from(error)));
  }

  resetAnswer(): void {
    this.head = undefined;
    this.trailers = undefined;
    this.#outbox?.close();
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
  messages(): InboxMessages<Message> {
    return new InboxMessages(
      this.#inbox,
      (message) => this.#read(message),
      () => {
        if (!this.#over) this.cancel("the caller left its loop over the answer");
      },
    );
  }

  #newInbox(): Inbox {
    return new Inbox({
      maxMessageBytes: this.maxReceiveBytes,
      take: (bytes) => {
        const { writer, stream } = this;
        if (writer === undefined || stream === undefined) return;
        writer.take(stream, bytes);
        writer.flushSoon();
      },
    });
  }

  #read(message: InboxMessage): Message {
    const opened = this.#open(message);
    this.#init.sample?.received(opened);
    return opened;
  }

  #open({ flag, bytes, start, end }: InboxMessage): Message {
    // The whole answer may be here, and the call over, before its reader gives up: it gets no more all the same.
    if (this.#over && this.signal?.aborted === true) throw this.abortError();
    try {
      if (flag !== FLAG_COMPRESSED) return this.method.output.decode(bytes, start, end);
      if (this.answerEncoding === undefined) throw undeclaredCompression(this);
      return this.method.output.decode(
        this.answerEncoding.decompress(bytes.subarray(start, end), this.maxReceiveBytes),
      );
    } catch (error) {
      const failure = toMessageError(error, this.method.name);
      this.abort(failure);
      throw failure;
    }
  }

  async #pump(writer: StreamWriter, stream: SessionStream, outbox: Outbox): Promise<void> {
    if (this.method.desc.methodKind === "server_streaming") return this.#sendSingle(writer, stream, outbox);
    this.#inputTouched = true;
    this.#input ??= this.#init.input[Symbol.asyncIterator]();
    const input = this.#input;
    if (outbox.full) await outbox.room();
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
    writer.sendEnd(stream);
    writer.flushSoon();
  }

  /** The one request of a server stream is kept, so that another attempt can send it again. */
  async #sendSingle(writer: StreamWriter, stream: SessionStream, outbox: Outbox): Promise<void> {
    this.#single ??= this.#readSingle();
    const { flag, payload } = await this.#single;
    if (outbox.closed) return;
    outbox.write(flag, payload);
    writer.sendEnd(stream);
    writer.flushSoon();
  }

  async #readSingle(): Promise<OutgoingMessage> {
    for await (const message of this.#init.input) return this.#encode(message);
    throw new HeddleError("requestInvalid", { method: this.method.name, reason: "there is no message" });
  }

  #encode(message: Message | MessageInitShape<DescMessage>): OutgoingMessage {
    let plain: Uint8Array;
    try {
      plain = this.method.input.encode(message);
    } catch (error) {
      throw toRequestError(error, this.method.name);
    }
    this.#init.sample?.sent(plain);
    return toOutgoing(plain, this.#init.sendEncoding, this.#init);
  }

  /** Lets the caller's iterable clean up. Its own failure has nobody to go to: the call has ended already. */
  #closeInput(): void {
    const input = this.#input;
    this.#input = undefined;
    if (input?.return === undefined) return;
    Promise.resolve(input.return()).catch(() => {});
  }
}
