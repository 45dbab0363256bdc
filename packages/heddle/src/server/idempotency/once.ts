/**
 * Runs a call with an idempotency key once, however often it comes: what comes later gets the answer of the first,
 * and waits for it where that is still running. So a caller may repeat a call of which it does not know whether it ran.
 *
 * Around the handler and inside of interceptors, so that whoever may not call gets no stored answer either. The first
 * call is carried through when its caller gives up, for the next attempt wants its answer. A process that dies has run
 * a call perhaps, and answered it never: its lease runs out and the call runs again. Who cannot have that writes the key
 * down together with the effect (`idempotencyKeyOf`).
 *
 * Source of the rules: the IETF's draft-ietf-httpapi-idempotency-key-header.
 */
import { createHash, randomUUID } from "node:crypto";
import type { Message } from "@bufbuild/protobuf";
import type { ConnectError, HandlerContext } from "@connectrpc/connect";
import { finiteAtLeast, invalidOption } from "../../call/check-option.ts";
import { HeddleError, reasonText } from "../../call/errors.ts";
import { codecOf } from "../../contract/codec/codec.ts";
import { IDEMPOTENCY_KEY_FIELD, keyIn } from "../../contract/idempotency-key.ts";
import type { Method } from "../../contract/method.ts";
import type { Timers } from "../../runtime/timer.ts";
import type { MethodFunction } from "../implement.ts";
import type { Claimed, IdempotencyStore } from "./idempotency-store.ts";
import { isOutcome, readAnswer, writeAnswer } from "./stored-answer.ts";

export interface IdempotencyOptions {
  /**
   * Keeps the answers: `createMemoryIdempotencyStore()` for a service of one instance, `openSqliteIdempotencyStore({ path })` for
   * several on one machine, `createRedisIdempotencyStore({ send })` for several machines.
   */
  readonly store: IdempotencyStore;
  /** How long an answer is kept, in ms. Default 86 400 000, a day: longer than anybody repeats a call. */
  readonly ttlMs?: number;
  /**
   * After so long without a sign of the process that runs a call, the next one runs it, in ms. Default 30 000. A running
   * call gives a sign three times in that.
   */
  readonly leaseMs?: number;
}

/** Wraps the handler of a method; gives the handler itself where no key can come. */
export type Once = (method: Method, handler: MethodFunction) => MethodFunction;

/** Throws `optionInvalid`, for a method with a key also when there are no options: it would run twice in silence. */
export function createOnce(options: IdempotencyOptions | undefined, timers: Timers): Once {
  if (options === undefined) {
    return (method, handler) => {
      if (method.keyField === undefined) return handler;
      const reason = `${method.name} has an idempotency key in its contract, and there is no store for its answers`;
      throw invalidOption("idempotency", reason);
    };
  }
  const rules: Rules = {
    store: options.store,
    timers,
    ttlMs: finiteAtLeast("idempotency.ttlMs", options.ttlMs ?? 86_400_000, 1),
    leaseMs: finiteAtLeast("idempotency.leaseMs", options.leaseMs ?? 30_000, 100),
  };

  return (method, handler) => {
    if (method.desc.methodKind !== "unary") return handler;
    return (input, context) => {
      const request = input as Message;
      const key = keyOf(method, request, context);
      if (key === undefined) return handler(request, context);
      return new Attempt(rules, method, request, context, key).run(handler);
    };
  };
}

interface Rules {
  readonly store: IdempotencyStore;
  readonly ttlMs: number;
  readonly leaseMs: number;
  readonly timers: Timers;
}

/** One call with a key. */
class Attempt {
  readonly #rules: Rules;
  readonly #method: Method;
  readonly #request: Message;
  readonly #context: HandlerContext;
  readonly #key: string;
  readonly #fingerprint: string;
  readonly #owner = randomUUID();

  constructor(rules: Rules, method: Method, request: Message, context: HandlerContext, key: string) {
    this.#rules = rules;
    this.#method = method;
    this.#request = request;
    this.#context = context;
    this.#key = hash(method.name, key);
    this.#fingerprint = hash(codecOf(method.desc.input).encode(request));
  }

  async run(handler: MethodFunction): Promise<Message> {
    for (let waitMs = LEAST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, MOST_WAIT_MS)) {
      const claimed = await this.#claim();
      if (claimed.state === "yours") return await this.#runOnce(handler);
      if (claimed.fingerprint !== this.#fingerprint)
        throw new HeddleError("keyReused", { method: this.#method.name });
      if (claimed.state === "done") return readAnswer(this.#method, claimed.answer, this.#context);
      await this.#wait(waitMs);
    }
  }

  async #claim(): Promise<Claimed> {
    const { store, leaseMs } = this.#rules;
    const claim = { owner: this.#owner, fingerprint: this.#fingerprint, leaseMs };
    return await this.#ask(() => store.claim(this.#key, claim));
  }

  async #runOnce(handler: MethodFunction): Promise<Message> {
    const { store, leaseMs, timers } = this.#rules;
    // A sign that fails is made good by the next; when all do, the answer finds out.
    const signs = timers.every(leaseMs / 3, () => void this.#claim().catch(() => {}));
    try {
      const message = (await handler(this.#request, this.#context)) as Message;
      await this.#keep(message);
      return message;
    } catch (thrown) {
      if (isOutcome(thrown)) await this.#keep(thrown);
      else await this.#ask(() => store.release(this.#key, this.#owner)).catch(() => {});
      throw thrown;
    } finally {
      signs.cancel();
    }
  }

  /** What cannot be kept is answered all the same: it has happened. */
  async #keep(outcome: Message | ConnectError): Promise<void> {
    const { store, ttlMs } = this.#rules;
    const answer = writeAnswer(this.#method, outcome, this.#context);
    await this.#ask(() => store.finish(this.#key, this.#owner, answer, ttlMs)).catch(() => {});
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (cause) {
      throw new HeddleError(
        "keyStoreFailed",
        { method: this.#method.name, reason: reasonText(cause) },
        { cause },
      );
    }
  }

  /** Ends with the call: whoever has given up waits no more. */
  #wait(forMs: number): Promise<void> {
    const { signal } = this.#context;
    return new Promise((resolve, reject) => {
      const stop = () => {
        timer.cancel();
        reject(signal.reason as Error);
      };
      const timer = this.#rules.timers.after(forMs, () => {
        signal.removeEventListener("abort", stop);
        resolve();
      });
      if (signal.aborted) stop();
      else signal.addEventListener("abort", stop, { once: true });
    });
  }
}

/**
 * The idempotency key that came as metadata with the call that a handler serves; undefined where there is none, or where the
 * key stands in the request's field. For handlers that write it down together with their effect.
 */
export function idempotencyKeyOf(context: HandlerContext): string | undefined {
  return context.requestHeader.get(IDEMPOTENCY_KEY_FIELD) ?? undefined;
}

function keyOf({ keyField }: Method, request: Message, context: HandlerContext): string | undefined {
  const inRequest = keyField === undefined ? undefined : keyIn(request, keyField);
  return inRequest ?? (context.requestHeader.get(IDEMPOTENCY_KEY_FIELD) || undefined);
}

/** Keys of any length and content become short ones, which name nothing that a store should not know. */
function hash(...parts: (string | Uint8Array)[]): string {
  const sha256 = createHash("sha256");
  for (const part of parts) sha256.update(part).update("\n");
  return sha256.digest("base64url");
}

const LEAST_WAIT_MS = 10;
const MOST_WAIT_MS = 250;
