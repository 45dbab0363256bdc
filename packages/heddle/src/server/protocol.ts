/**
 * What a protocol is to the server: how the head of a request reads, how its messages come, and how an answer is
 * written. gRPC, gRPC-Web and the two forms of Connect are such objects, which hold no state, for that is in the call; REST is
 * one for each path.
 *
 * Above them, handlers, deadlines, interceptors and streaming are the same code for all protocols; below them,
 * `ServerCall` is the same for every version of HTTP.
 */
import type { Message } from "@bufbuild/protobuf";
import type { HeddleError } from "../call/errors.ts";
import type { InboxMessage } from "../connection/inbox.ts";
import type { MessageForm, Method } from "../contract/method.ts";
import type { Encoding } from "../wire/compression.ts";
import type { RequestHead } from "../wire/http2/head.ts";
import type { RequestReader, ServerCall } from "./call.ts";
import type { ServerParts } from "./layer.ts";

/** What the head of a request says, once a protocol has read it. */
export interface ProtocolRequest {
  /** Path of the method, without a query. */
  readonly path: string;
  /** How long the caller waits, in ms; `Infinity` when it does not say. */
  readonly timeoutMs: number;
  readonly form: MessageForm;
  /** How the request's messages are compressed; undefined when they are not. */
  readonly requestEncoding: Encoding | undefined;
  /** How the answer's may be, since the caller understands it and the server wants it. */
  readonly responseEncoding: Encoding | undefined;
  /** Makes the error for a head that cannot be served. */
  readonly fault?: () => HeddleError;
}

export interface ServerProtocol {
  readonly name: "grpc" | "grpc-web" | "connect" | "rest";
  /** Reads the head of a request in this protocol. Its result is kept with the head, so it must depend on nothing else. */
  readRequest(head: RequestHead, parts: ServerParts): ProtocolRequest;
  /** A reader for the one request of a unary or server-streaming call. It calls `onRequest` once, or aborts the call. */
  readSingle(
    call: ServerCall,
    method: Method,
    onRequest: (call: ServerCall, request: Message) => void,
  ): RequestReader;
  /** Where the body of the request is not the bytes of its envelopes: makes it so, before `reader`. */
  wrapReader?(call: ServerCall, reader: RequestReader): RequestReader;
  /** One message of a stream of requests. Default: as its method's codec reads it. Throws a catalogue error. */
  decodeMessage?(call: ServerCall, message: InboxMessage): Message;
  /** Writes the head of the answer, if it has not been written. Throws `metadataInvalid` before it writes anything. */
  writeHead(call: ServerCall): void;
  /** Writes one message of a streaming answer. Throws `messageTooLarge`, or what the encoder throws; nothing is written then. */
  writeMessage(call: ServerCall, message: Message): void;
  /** Writes what is left: the message of a unary answer, the status or error, the end. */
  writeOutcome(call: ServerCall): void;
}
