/**
 * Calls with a stream in either direction, and unary calls that pass through interceptors.
 *
 * The handler pulls requests from the call's inbox, and its answers are pulled from it one by one: the next is
 * asked for only when the stream has room, so a slow caller slows the handler and nothing piles up.
 */
import type { Message } from "@bufbuild/protobuf";
import type {
  Interceptor,
  StreamRequest,
  StreamResponse,
  UnaryRequest,
  UnaryResponse,
} from "@connectrpc/connect";
import { runInCall } from "../call/context.ts";
import { HeddleError } from "../call/errors.ts";
import { Inbox } from "../connection/inbox.ts";
import { InboxMessages } from "../connection/inbox-messages.ts";
import type { Method } from "../contract/method.ts";
import type { RequestReader, ServerCall } from "./call.ts";
import type { MethodFunction } from "./implement.ts";
import type { ServerParts } from "./layer.ts";
import type { ServerProtocol } from "./protocol.ts";
import { decodeRequest, faultError, unfinishedRequest } from "./request-reader.ts";

/** Tells the handle layer how the handler ended. */
export type Finish = (call: ServerCall, response: Message | undefined, thrown: unknown) => void;

type Messages = AsyncIterable<Message>;

/** `request` is the one request of a method that takes one. */
export function startStream(
  call: ServerCall,
  parts: ServerParts,
  request: Message | undefined,
  finish: Finish,
): void {
  const { method } = call.routed;
  const input =
    request ??
    new InboxMessages(openInbox(call, method, parts), (message) =>
      mustKeepRules(
        call,
        call.protocol?.decodeMessage?.(call, message) ?? decodeRequest(call, method, message),
      ),
    );
  runInCall(call, () => run(call, parts, input)).then(
    (response) => finish(call, response, undefined),
    (error: unknown) => finish(call, undefined, error ?? new Error("the handler rejected with nothing")),
  );
}

/** A message that breaks a rule ends the call, whatever its handler makes of the error that its reading throws. */
function mustKeepRules(call: ServerCall, request: Message): Message {
  const error = call.routed.checkRequest?.(request);
  if (error === undefined) return request;
  call.abort(error);
  throw error;
}

function openInbox(call: ServerCall, method: Method, parts: ServerParts): Inbox {
  const inbox = new Inbox({
    maxMessageBytes: parts.maxReceiveBytes,
    take: (bytes) => (call.reader?.returned === undefined ? call.take(bytes) : call.reader.returned(bytes)),
  });
  call.inbox = inbox;
  const reader: RequestReader = {
    onData(bytes, start, end) {
      if (call.ended) return call.take(end - start);
      const fault = inbox.push(bytes, start, end);
      if (fault !== undefined) call.abort(faultError(fault, method, parts.maxReceiveBytes));
    },
    onEnd() {
      if (inbox.isAtBoundary) inbox.end();
      else call.abort(unfinishedRequest(method));
    },
  };
  call.reader = call.protocol?.wrapReader?.(call, reader) ?? reader;
  return inbox;
}

/** Runs interceptors and handler; resolves with the answer of a method that has one, after the last of a stream. */
async function run(
  call: ServerCall,
  parts: ServerParts,
  input: Message | Messages,
): Promise<Message | undefined> {
  const { methodKind } = call.method;
  const answersStream = methodKind === "server_streaming" || methodKind === "bidi_streaming";
  const answer =
    parts.interceptors.length === 0
      ? await callHandler(call, input)
      : await intercept(call, parts.interceptors, input, methodKind === "unary", answersStream);
  if (!answersStream) return answer as Message;
  await writeAnswers(call, parts, answer as Messages);
  return undefined;
}

function callHandler(call: ServerCall, input: Message | Messages): ReturnType<MethodFunction> {
  return call.routed.handler(input, call);
}

/** The one request of a method that takes one. */
async function single(requests: Messages, method: Method): Promise<Message> {
  let only: Message | undefined;
  let count = 0;
  for await (const request of requests) {
    only = request;
    count++;
  }
  if (only === undefined || count !== 1)
    throw new HeddleError("requestCardinality", { method: method.name, count });
  return only;
}

async function writeAnswers(call: ServerCall, parts: ServerParts, answers: Messages): Promise<void> {
  const protocol = call.protocol as ServerProtocol;
  for await (const answer of answers) {
    if (call.ended) break;
    const error = call.routed.checkAnswer?.(answer);
    if (error !== undefined) {
      parts.onHandlerError(error, call);
      throw error;
    }
    protocol.writeHead(call);
    protocol.writeMessage(call, answer);
    call.flush();
    if (call.full) await call.room();
    if (call.ended) break;
  }
}

/** Connect's onion around the handler: the first interceptor is the outermost. */
async function intercept(
  call: ServerCall,
  interceptors: readonly Interceptor[],
  input: Message | Messages,
  unary: boolean,
  answersStream: boolean,
): Promise<Message | Messages> {
  const stream = !unary;
  const { service, method, requestMethod, url, signal, requestHeader: header, values: contextValues } = call;
  const common = { service, requestMethod, url, signal, header, contextValues };
  // Connect gives an interceptor an iterable whenever either direction streams.
  const message = stream && !(Symbol.asyncIterator in input) ? once(input) : input;
  const innermost = async (
    request: UnaryRequest | StreamRequest,
  ): Promise<UnaryResponse | StreamResponse> => {
    const given = request.message as Message | Messages;
    const wantsOne = method.methodKind === "unary" || method.methodKind === "server_streaming";
    const handlerInput =
      wantsOne && Symbol.asyncIterator in given ? await single(given as Messages, call.routed.method) : given;
    const answer = await callHandler(call, handlerInput);
    return {
      stream,
      service,
      method,
      header: call.responseHeader,
      trailer: call.responseTrailer,
      message: stream && !answersStream ? once(answer as Message) : answer,
    } as UnaryResponse | StreamResponse;
  };
  const onion = interceptors.reduceRight<typeof innermost>(
    (next, interceptor) => interceptor(next),
    innermost,
  );
  const response = await onion({ ...common, stream, method, message } as UnaryRequest | StreamRequest);
  copyHeaders(response.header, call.responseHeader);
  copyHeaders(response.trailer, call.responseTrailer);
  const answer = response.message as Message | Messages;
  return stream && !answersStream ? single(answer as Messages, call.routed.method) : answer;
}

async function* once(message: Message): AsyncGenerator<Message, void, undefined> {
  yield message;
}

/** An interceptor may answer with headers of its own. */
function copyHeaders(from: Headers, to: Headers): void {
  if (from === to) return;
  from.forEach((value, name) => to.append(name, value));
}
