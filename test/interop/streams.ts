/** Small helpers for streams of messages in cases. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Echo, PlanSchema } from "../gen/heddle/test/v1/echo_pb.ts";

/** Fits the requests of client and bidirectional streams alike. */
export interface StreamRequest {
  plan?: MessageInitShape<typeof PlanSchema>;
  payload?: Uint8Array;
}

/** All answers of a stream. */
export async function collect(answers: AsyncIterable<{ readonly echo?: Echo | undefined }>): Promise<Echo[]> {
  const echoes: Echo[] = [];
  for await (const { echo } of answers) if (echo !== undefined) echoes.push(echo);
  return echoes;
}

export async function* requestsOf(...requests: StreamRequest[]): AsyncGenerator<StreamRequest> {
  yield* requests;
}

/** Requests that are sent when the test says so. */
export class Requests implements AsyncIterable<StreamRequest> {
  readonly #waiting: StreamRequest[] = [];
  #wake: (() => void) | undefined;
  #ended = false;
  /** Resolves when the transport has closed the iterable early. */
  readonly returned: Promise<void>;
  readonly #return: () => void;

  constructor(...first: StreamRequest[]) {
    this.#waiting.push(...first);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.returned = promise;
    this.#return = resolve;
  }

  send(request: StreamRequest): void {
    this.#waiting.push(request);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<StreamRequest> {
    try {
      for (;;) {
        for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) yield next;
        if (this.#ended) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      this.#return();
    }
  }
}
