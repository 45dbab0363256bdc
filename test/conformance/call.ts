/** One call of the suite: made as its request says, cancelled when it says, and told with all that came back. */
import { create, type DescMessage, type DescMethod, fromBinary, type Message } from "@bufbuild/protobuf";
import { type CallOptions, createClient } from "@connectrpc/connect";
import { type Client, ConnectError, type Transport } from "heddle";
import { setTimeout as delay } from "node:timers/promises";
import { appendHeaders, toHeaderList, typeNameOf } from "./metadata.ts";
import {
  type CallResult,
  CallResultSchema,
  type ClientCompatRequest,
  ConformanceService,
  type Payload,
  PayloadSchema,
  RpcErrorSchema,
} from "./schema.ts";

/** `STREAM_TYPE_FULL_DUPLEX_BIDI_STREAM`: the next request waits for the answer to the one before. */
const FULL_DUPLEX = 5;

/** A method of a client, whichever it is. */
type Invoke = (
  input: Message | AsyncIterable<Message>,
  options: CallOptions,
) => Promise<Message> | AsyncIterable<Message>;

/** Rejects only when the call cannot be made as described; how it ended is told in the result. */
export async function makeCall(transport: Transport, request: ClientCompatRequest): Promise<CallResult> {
  const { service = ConformanceService.typeName, method: name } = request;
  const method = ConformanceService.methods.find((each) => each.name === name);
  if (service !== ConformanceService.typeName || method === undefined)
    throw new Error(`there is no method ${service}/${name}`);
  const call = new Call(request, unpackAll(method.input, request));
  try {
    await call.run(createClient(ConformanceService, transport), method);
  } catch (thrown) {
    call.fail(ConnectError.from(thrown));
  }
  return call.result;
}

class Call {
  readonly result: CallResult = create(CallResultSchema);
  readonly #request: ClientCompatRequest;
  readonly #messages: readonly Message[];
  readonly #cancel = new AbortController();
  /** Settles when one more answer has come, or none will. */
  #answered = Promise.withResolvers<void>();

  constructor(request: ClientCompatRequest, messages: readonly Message[]) {
    this.#request = request;
    this.#messages = messages;
  }

  async run(client: Client<typeof ConformanceService>, { methodKind, localName }: DescMethod): Promise<void> {
    const method = (client as unknown as Record<string, Invoke>)[localName] as Invoke;
    const streamsRequests = methodKind === "client_streaming" || methodKind === "bidi_streaming";
    const answer = method(streamsRequests ? this.#requests() : this.#onlyRequest(), this.#options());
    if (!streamsRequests) this.#requestsEnded();
    try {
      if (Symbol.asyncIterator in answer) for await (const message of answer) this.#keep(message);
      else this.#keep(await answer);
    } finally {
      this.#answered.resolve();
    }
  }

  fail(error: ConnectError): void {
    const details = error.details.map((detail) => {
      if ("desc" in detail) throw new Error("a detail of a received error is not decoded");
      return { typeUrl: `type.googleapis.com/${detail.type}`, value: detail.value };
    });
    this.result.error = create(RpcErrorSchema, { code: error.code, message: error.rawMessage, details });
    this.result.responseTrailers = toHeaderList(error.metadata);
  }

  async *#requests(): AsyncGenerator<Message, void, undefined> {
    this.result.numUnsentRequests = this.#messages.length;
    for (const message of this.#messages) {
      await delay(this.#request.requestDelayMs);
      const answered = this.#answered.promise;
      this.result.numUnsentRequests--;
      yield message;
      if (this.#request.streamType === FULL_DUPLEX) await answered;
    }
    this.#requestsEnded();
  }

  /** All requests are sent, and the sending side closes right after this. */
  #requestsEnded(): void {
    const { cancel } = this.#request;
    if (cancel === undefined || cancel.cancelTiming.case === "afterNumResponses") return;
    if (cancel.cancelTiming.case === "beforeCloseSend") this.#cancel.abort();
    else setTimeout(() => this.#cancel.abort(), cancel.cancelTiming.value ?? 0);
  }

  #keep(answer: Message): void {
    const { payloads } = this.result;
    payloads.push((answer as Message & { payload?: Payload }).payload ?? create(PayloadSchema));
    const timing = this.#request.cancel?.cancelTiming;
    if (timing?.case === "afterNumResponses" && timing.value === payloads.length) this.#cancel.abort();
    const { resolve } = this.#answered;
    this.#answered = Promise.withResolvers();
    resolve();
  }

  #onlyRequest(): Message {
    const [message] = this.#messages;
    if (message === undefined) throw new Error("this method takes one request");
    return message;
  }

  #options(): CallOptions {
    const headers = new Headers();
    appendHeaders(headers, this.#request.requestHeaders);
    const { timeoutMs } = this.#request;
    return {
      headers,
      signal: this.#cancel.signal,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      onHeader: (header) => {
        this.result.responseHeaders = toHeaderList(header);
      },
      onTrailer: (trailer) => {
        this.result.responseTrailers = toHeaderList(trailer);
      },
    };
  }
}

/** The requests of a call, which the runner sends as `Any`. */
function unpackAll(desc: DescMessage, { requestMessages }: ClientCompatRequest): Message[] {
  return requestMessages.map(({ typeUrl, value }) => {
    if (typeNameOf(typeUrl) !== desc.typeName) throw new Error(`${desc.typeName} expected, not ${typeUrl}`);
    return fromBinary(desc, value);
  });
}
