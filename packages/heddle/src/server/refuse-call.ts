import type { HeddleError } from "../call/errors.ts";
import { PUSHBACK_FIELD } from "../call/metadata.ts";
import type { ServerCall } from "./call.ts";
import { DroppingReader } from "./http-refusal.ts";

/**
 * Refuses a call that no handler has seen, and says when it may come again; below 0: not. `settle` hands it up when it has
 * not ended meanwhile.
 *
 * The answer waits for the end of the request, which mostly has come with its head: an answer before it costs a
 * reset of the stream, and so many resets look like an attack. Who streams is not waited for.
 */
export function refuseCall(
  call: ServerCall,
  error: HeddleError,
  pushbackMs: number,
  settle: (call: ServerCall) => void,
): void {
  call.pushbackMs = pushbackMs;
  // Connect has no field of its own for it, and HTTP's is in seconds; gRPC and gRPC-Web write it with the status.
  if (call.protocolName === "connect" || call.protocolName === "rest")
    call.answerFields = [...call.answerFields, PUSHBACK_FIELD, String(pushbackMs)];
  call.finish = settle;
  const end = () => {
    call.error ??= error;
    settle(call);
  };
  const { methodKind } = call.method;
  if (methodKind === "client_streaming" || methodKind === "bidi_streaming") end();
  else call.reader = new DroppingReader(call, end);
}
