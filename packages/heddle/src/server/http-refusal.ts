/**
 * The answer to a request that no protocol of ours understands: an HTTP status and a sentence, as any HTTP client
 * understands it.
 *
 * It waits for the end of the request. A refusal before that would race with what the client still sends, and
 * the client would see its stream reset instead of the reason.
 */
import { encodeGrpcMessage } from "../call/grpc-message.ts";
import type { HeddleError } from "../call/errors.ts";
import { PROBLEM_TYPE, writeProblem } from "../contract/rest/problem.ts";
import type { RequestReader, ServerCall } from "./call.ts";

/** Bytes of a request that are read and dropped when its answer is known; a client that sends more is not waited for. */
export const MAX_DROPPED_BYTES = 1024 * 1024;

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
    this.#call.take(end - start);
    this.#dropped += end - start;
    if (this.#dropped > MAX_DROPPED_BYTES) this.#done();
  }

  onEnd(): void {
    this.#done();
  }
}

/** Why a request is refused, and how HTTP says it. */
export interface HttpRefusal {
  readonly status: number;
  /** Fields besides the content type. */
  readonly fields: readonly string[];
  readonly error: () => HeddleError;
  /** Told as a problem (RFC 9457), to who speaks REST. Default: a sentence. */
  readonly asProblem?: boolean;
}

export function writeHttpRefusal(call: ServerCall, { status, fields, asProblem }: HttpRefusal): void {
  const { error, parts } = call;
  if (error === undefined || call.over) return;
  if (asProblem === true) {
    // 404 and 405 could otherwise be kept by a cache: RFC 9110 §15.1.
    call.sendHead(status, [
      "content-type",
      PROBLEM_TYPE,
      "cache-control",
      "no-store",
      "x-content-type-options",
      "nosniff",
      ...fields,
      ...call.answerFields,
    ]);
    const problem = writeProblem(error, status, parts.router.registry);
    call.sendBody(new TextEncoder().encode(JSON.stringify(problem)));
    call.sendEnd();
    return call.flush();
  }
  call.sendHead(status, [
    "content-type",
    "text/plain; charset=utf-8",
    ...fields,
    ...call.answerFields,
    // For a gRPC client that reaches the wrong port, which looks at nothing else.
    "grpc-status",
    String(error.code),
    "grpc-message",
    encodeGrpcMessage(error.rawMessage),
  ]);
  call.sendBody(new TextEncoder().encode(`${error.rawMessage}\n`));
  call.sendEnd();
  call.flush();
}
