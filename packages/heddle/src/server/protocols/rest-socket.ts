/**
 * REST over a WebSocket: a frame for each message, in JSON. An error is a last frame `{"error": …}`, with the problem that
 * any REST call answers; then the WebSocket closes with 4000 and the status that HTTP has for it, such as 4404, and with
 * 1000 when all went well.
 */
import type { Message } from "@bufbuild/protobuf";
import { messageTooLarge } from "../../call/message-limits.ts";
import { statusName } from "../../call/status.ts";
import type { InboxMessage } from "../../connection/inbox.ts";
import { takesRaw } from "../../contract/rest/http-body.ts";
import { writeResponseText } from "../../contract/rest/response-body.ts";
import type { RequestHead } from "../../wire/http2/head.ts";
import type { RequestReader, ServerCall } from "../call.ts";
import type { ServerParts } from "../layer.ts";
import type { ProtocolRequest, ServerProtocol } from "../protocol.ts";
import { encodingFailure } from "../unsendable.ts";
import type { WebSocketCall } from "../web-socket-call.ts";
import { RestExchange } from "./rest.ts";
import { RestLines } from "./rest-lines.ts";
import { problemOf } from "./rest-problem.ts";
import type { RestTarget } from "./rest-reader.ts";

export class RestSocket implements ServerProtocol {
  readonly name = "rest";
  readonly #target: RestTarget;
  /** Answers while it is a request of HTTP. */
  readonly #exchange: RestExchange;

  constructor(target: RestTarget) {
    this.#target = target;
    this.#exchange = new RestExchange(target, "");
  }

  readRequest(head: RequestHead, parts: ServerParts): ProtocolRequest {
    return this.#exchange.readRequest(head, parts);
  }

  readSingle(...args: Parameters<ServerProtocol["readSingle"]>): RequestReader {
    return this.#exchange.readSingle(...args);
  }

  /** The layers have let it in. */
  wrapReader(call: ServerCall, reader: RequestReader): RequestReader {
    const frames = new RestLines(call, this.#target, reader, "frames");
    call.reader = frames;
    (call as WebSocketCall).open(takesRaw(this.#target.binding));
    return frames;
  }

  decodeMessage(call: ServerCall, message: InboxMessage): Message {
    return this.#exchange.decodeMessage(call, message);
  }

  /** The handshake was it. */
  writeHead(call: ServerCall): void {
    call.headWritten = true;
  }

  writeMessage(call: ServerCall, message: Message): void {
    const { router, rest, maxSendBytes } = call.parts;
    const options = { registry: router.registry, alwaysEmitImplicit: rest?.emitZeroValues ?? false };
    const content = writeResponseText(this.#target.binding, message, options);
    const bytes = content.kind === "raw" ? content.data : UTF8.encode(content.text);
    if (bytes.length > maxSendBytes) throw messageTooLarge(bytes.length, maxSendBytes, "sent");
    if (content.kind === "raw") (call as WebSocketCall).sendBytes(bytes);
    else call.sendBody(bytes);
  }

  writeOutcome(call: ServerCall): void {
    const socketCall = call as WebSocketCall;
    if (!socketCall.isOpen) return this.#exchange.writeOutcome(call);
    if (call.over) return;
    const response = call.takeResponse();
    if (call.error === undefined && response !== undefined) this.#writeAnswer(call, response);
    const { error } = call;
    if (error === undefined) return socketCall.sendClose(CLOSED_WELL, "");
    const problem = problemOf(call, error, call.parts, this.#target);
    call.sendBody(UTF8.encode(`{"error":${JSON.stringify(problem)}}`));
    socketCall.sendClose(STATUS_BASE + problem.status, statusName(error.code));
  }

  #writeAnswer(call: ServerCall, response: Message): void {
    try {
      this.writeMessage(call, response);
    } catch (cause) {
      call.error = encodingFailure(call, cause);
    }
  }
}

const CLOSED_WELL = 1000;
/** 4000 to 4999 are for applications (RFC 6455 §7.4.2). */
const STATUS_BASE = 4000;
const UTF8 = new TextEncoder();
