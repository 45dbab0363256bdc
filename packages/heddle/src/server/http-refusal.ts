/**
 * The answer to a request that is not gRPC: an HTTP status and a sentence, as any HTTP client understands it.
 *
 * It waits for the end of the request. A refusal before that would race with what the client still sends, and
 * the client would see its stream reset instead of the reason.
 */
import { encodeGrpcMessage } from "../call/grpc-message.ts";
import { NO_ERROR } from "../wire/http2/constants.ts";
import type { RequestReader, ServerCall } from "./call.ts";

/** Content of a refused request that is read and dropped; a client that sends more is not waited for. */
const MAX_DROPPED_BYTES = 1024 * 1024;

/** Reads the rest of the request, then calls `done`. */
export class DroppingReader implements RequestReader {
  readonly #call: ServerCall;
  readonly #done: () => void;
  #dropped = 0;

  constructor(call: ServerCall, done: () => void) {
    this.#call = call;
    this.#done = done;
  }

  onData(_bytes: Uint8Array, start: number, end: number): void {
    const { session, stream } = this.#call;
    session.machine.take(stream, end - start);
    this.#dropped += end - start;
    if (this.#dropped > MAX_DROPPED_BYTES) this.#done();
  }

  onEnd(): void {
    this.#done();
  }
}

/** Writes the refusal that `call.error` stands for. */
export function writeHttpRefusal(call: ServerCall, httpStatus: number): void {
  const { session, stream, error } = call;
  const { machine } = session;
  if (error === undefined) return;
  const fields = [":status", String(httpStatus), "content-type", "text/plain; charset=utf-8"];
  if (httpStatus === 405) fields.push("allow", "POST");
  // For a gRPC client that reaches the wrong port, which looks at nothing else.
  fields.push("grpc-status", String(error.code), "grpc-message", encodeGrpcMessage(error.rawMessage));
  const mark = machine.beginHeaders();
  machine.encoder.fields(machine.out, fields, "plain");
  machine.endHeaders(mark, stream, false);
  const unfinished = !stream.remoteClosed;
  machine.sendBytes(stream, new TextEncoder().encode(`${error.rawMessage}\n`), true);
  // While it still waits for the socket, a reset would drop it; the rest of the request is dropped as it comes.
  if (unfinished && stream.queue === undefined) machine.reset(stream, NO_ERROR);
}
