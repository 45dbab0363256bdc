/**
 * The one implementation of EchoService. Every server of the suite runs it, Heddle's and those of others, so that
 * a difference between two pairs is a difference of transports.
 *
 * Request metadata `x-echo-…` comes back as header, `x-trail-…` as trailer.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Code, ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import type { EchoSchema, EchoService, Plan } from "../gen/heddle/test/v1/echo_pb.ts";
import { filled } from "./bytes.ts";
import { Witness } from "./witness.ts";

export type EchoImplementation = Omit<ServiceImpl<typeof EchoService>, "missing">;

export interface EchoOptions {
  /** Name that stands in answers. */
  readonly instance?: string;
  readonly witness?: Witness;
}

/** What all requests have. */
interface Asked {
  readonly plan?: Plan | undefined;
  readonly payload: Uint8Array;
}

type EchoInit = MessageInitShape<typeof EchoSchema>;

export function createEchoService({
  instance = "",
  witness = new Witness(),
}: EchoOptions = {}): EchoImplementation {
  async function one(asked: Asked, context: HandlerContext): Promise<{ echo: EchoInit }> {
    for await (const answer of many(asked, context, 1)) return answer;
    throw new Error("a plan for one answer gave none");
  }

  async function* many(
    asked: Asked,
    context: HandlerContext,
    count: number,
  ): AsyncGenerator<{ echo: EchoInit }> {
    const run = new Run(instance, witness, context);
    try {
      await run.take(asked);
      for (let i = 0; i < count; i++) yield { echo: run.answer(i) };
      run.failAfter(count);
    } finally {
      run.end();
    }
  }

  return {
    unary: one,
    idempotentUnary: one,
    serverStream: (asked, context) => many(asked, context, asked.plan?.count ?? 0),
    idempotentServerStream: (asked, context) => many(asked, context, asked.plan?.count ?? 0),
    async clientStream(requests, context) {
      const run = new Run(instance, witness, context);
      try {
        for await (const asked of requests) await run.take(asked);
        return { echo: run.answer(0) };
      } finally {
        run.end();
      }
    },
    async *bidiStream(requests, context) {
      const run = new Run(instance, witness, context);
      let answers = 0;
      try {
        for await (const asked of requests) {
          await run.take(asked);
          yield { echo: run.answer(answers++) };
        }
        run.failAfter(answers);
      } finally {
        run.end();
      }
    },
  };
}

/** One call being answered. */
class Run {
  readonly #instance: string;
  readonly #witness: Witness;
  readonly #context: HandlerContext;
  readonly #timeoutMs: number | undefined;
  readonly #onAbort = () => this.#witness.onAbort(this.#id, this.#context.signal.reason);
  #plan: Plan | undefined;
  #payload: Uint8Array = new Uint8Array(0);
  #received = 0;
  #receivedBytes = 0n;

  constructor(instance: string, witness: Witness, context: HandlerContext) {
    this.#instance = instance;
    this.#witness = witness;
    this.#context = context;
    this.#timeoutMs = context.timeoutMs();
    echoMetadata(context);
  }

  get #id(): string {
    return this.#plan?.id ?? "";
  }

  /** Counts a request; the first one brings the plan, with its wait. */
  async take({ plan, payload }: Asked): Promise<void> {
    this.#payload = payload;
    this.#received++;
    this.#receivedBytes += BigInt(payload.length);
    if (this.#received === 1) this.#begin(plan);
    if (this.#id !== "") this.#witness.onMessage(this.#id);
    if (this.#received > 1) return;
    if (plan?.hang === true) await untilAborted(this.#context.signal);
    else if (plan !== undefined && plan.delayMs > 0) await pause(plan.delayMs, this.#context.signal);
  }

  /** The next answer, `index` having been given before. Throws where the plan says so. */
  answer(index: number): EchoInit {
    this.failAfter(index);
    const answerBytes = this.#plan?.answerBytes;
    return {
      payload: answerBytes === undefined ? this.#payload : filled(answerBytes),
      instance: this.#instance,
      receivedMessages: this.#received,
      receivedBytes: this.#receivedBytes,
      ...(this.#timeoutMs === undefined ? {} : { timeoutMs: this.#timeoutMs }),
    };
  }

  failAfter(answers: number): void {
    const failure = this.#plan?.failure;
    if (failure === undefined || failure.afterAnswers > answers) return;
    if (failure.plainError) throw new Error(failure.message);
    const error = new ConnectError(failure.message, failure.code as Code);
    error.details = failure.details.map(({ typeUrl, value }) => ({
      type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1),
      value,
    }));
    throw error;
  }

  /** The handler is done: an abort after this is of no interest. */
  end(): void {
    this.#context.signal.removeEventListener("abort", this.#onAbort);
    if (this.#id !== "") this.#witness.onEnd(this.#id);
  }

  #begin(plan: Plan | undefined): void {
    this.#plan = plan;
    if (this.#id === "") return;
    const { signal, requestHeader } = this.#context;
    this.#witness.onStart(this.#id, { timeoutMs: this.#timeoutMs, header: requestHeader });
    if (signal.aborted) this.#onAbort();
    else signal.addEventListener("abort", this.#onAbort);
  }
}

function echoMetadata({ requestHeader, responseHeader, responseTrailer }: HandlerContext): void {
  requestHeader.forEach((value, name) => {
    if (name.startsWith("x-echo-")) responseHeader.append(name, value);
    if (name.startsWith("x-trail-")) responseTrailer.append(name, value);
  });
}

async function untilAborted(signal: AbortSignal): Promise<never> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  throw ConnectError.from(signal.reason);
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
