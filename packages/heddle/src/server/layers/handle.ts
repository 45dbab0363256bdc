/**
 * The innermost layer: reads the request, runs interceptors and handler.
 *
 * A unary call without interceptors is a plain function call on the decoded message, inside the context that
 * outgoing calls inherit from. Everything else goes through `streaming.ts`.
 */
import type { Message } from "@bufbuild/protobuf";
import { ConnectError, type HandlerContext } from "@connectrpc/connect";
import { runInCall } from "../../call/context.ts";
import { HeddleError } from "../../call/errors.ts";
import type { ServerCall } from "../call.ts";
import type { ServerLayer, ServerParts } from "../layer.ts";
import { startStream } from "../streaming.ts";

/** A `MethodFunction` of a unary method. */
type UnaryFunction = (request: Message, context: HandlerContext) => Message | PromiseLike<Message>;

export const handle: ServerLayer = {
  name: "handle",
  does: "reads the request and calls your handler",
  order: "innermost: your code",
  create: (parts, link) => {
    const up = (call: ServerCall) => {
      if (!call.ended) link.up(call);
    };
    return {
      down(call) {
        call.finish = up;
        const { method } = call.routed;
        const { methodKind } = method.desc;
        if (methodKind === "client_streaming" || methodKind === "bidi_streaming")
          return startStream(call, parts, undefined, finish);
        const plain = methodKind === "unary" && parts.interceptors.length === 0;
        const run = plain ? runUnary : runStream;
        const runChecked = plain ? runCheckedUnary : runCheckedStream;
        const onRequest = call.routed.checkRequest === undefined ? run : runChecked;
        call.reader = call.protocol?.readSingle(call, method, onRequest);
      },
    };

    function runUnary(call: ServerCall, request: Message): void {
      const handler = call.routed.handler as UnaryFunction;
      let result: Message | PromiseLike<Message>;
      try {
        result = runInCall(call, () => handler(request, call));
      } catch (error) {
        return finish(call, undefined, error);
      }
      if (!isPromise(result)) return finish(call, result, undefined);
      result.then(
        (response) => finish(call, response, undefined),
        (error: unknown) => finish(call, undefined, error ?? new Error("the handler rejected with nothing")),
      );
    }

    function runStream(call: ServerCall, request: Message): void {
      startStream(call, parts, request, finish);
    }

    function runCheckedUnary(call: ServerCall, request: Message): void {
      if (keepsRules(call, request)) runUnary(call, request);
    }

    function runCheckedStream(call: ServerCall, request: Message): void {
      if (keepsRules(call, request)) runStream(call, request);
    }

    /** The handler is done: with an answer, or with what it threw. */
    function finish(call: ServerCall, response: Message | undefined, thrown: unknown): void {
      if (call.ended) {
        if (thrown !== undefined && !(thrown instanceof ConnectError) && !call.signal.aborted)
          parts.onHandlerError(thrown, call);
        return;
      }
      if (thrown !== undefined) call.error = toCallError(thrown, call, parts);
      else if (response !== undefined) takeAnswer(call, response, parts);
      else if (owesAnswer(call))
        call.error = toCallError(new Error("the handler returned no message"), call, parts);
      link.up(call);
    }
  },
};

/** Ends the call if not. */
function keepsRules(call: ServerCall, request: Message): boolean {
  const error = call.routed.checkRequest?.(request);
  if (error !== undefined) call.abort(error);
  return error === undefined;
}

function takeAnswer(call: ServerCall, response: Message, parts: ServerParts): void {
  const error = call.routed.checkAnswer?.(response);
  if (error === undefined) call.response = response;
  else {
    parts.onHandlerError(error, call);
    call.error = error;
  }
}

/** Tolerates what no type allows, since handlers may be plain JavaScript. A message may have a field named `then`. */
function isPromise(result: unknown): result is PromiseLike<Message> {
  return (
    typeof result === "object" && result !== null && "then" in result && typeof result.then === "function"
  );
}

/** Methods with a stream of answers have given theirs when the handler is done. */
function owesAnswer({ method }: ServerCall): boolean {
  return method.methodKind === "unary" || method.methodKind === "client_streaming";
}

/** Errors of the contract pass; anything else stays here, and the caller learns only that the handler failed. */
function toCallError(thrown: unknown, call: ServerCall, parts: ServerParts): ConnectError {
  if (thrown instanceof ConnectError) {
    const undeclared = call.routed.checkError?.(thrown);
    if (undeclared !== undefined) parts.onHandlerError(undeclared, call);
    return thrown;
  }
  parts.onHandlerError(thrown, call);
  return new HeddleError("handlerFailed", { method: call.name }, { cause: thrown });
}
