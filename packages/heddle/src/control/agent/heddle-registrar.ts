/**
 * Keeps this process's instances in Heddle's registry. Each registration is one stream, heartbeats at a third of the
 * lease, and a loop around them: whatever ends the stream (the registry restarts, forgets, falls silent), the instance
 * is registered again after a short jittered pause, until it is disposed. Serving goes on meanwhile; nothing here
 * ever stops it.
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import { HeddleError, reasonText } from "../../call/errors.ts";
import type { Endpoint } from "../../discovery/endpoint.ts";
import type { Registrar, Registration, RegistrationState } from "../../discovery/registrar.ts";
import {
  type RegisterRequest,
  RegisterRequestSchema,
  type RegistryService,
} from "../../gen/heddle/registry/v1/registry_pb.ts";
import type { Random } from "../../runtime/random.ts";
import type { Timers } from "../../runtime/timer.ts";
import { toInstance } from "./instance.ts";
import { openLiveStream } from "./live-stream.ts";
import { createOutbox, type Outbox } from "./outbox.ts";
import { pauseBeforeRetry } from "./pause.ts";

export interface HeddleRegistrarOptions {
  readonly client: Client<typeof RegistryService>;
  /** Must grow from one start of the process to the next, for as long as instance ids are the same. */
  readonly incarnation: bigint;
  readonly onEvent?: ((event: HeddleRegistrarEvent) => void) | undefined;
  readonly random: Random;
  readonly timers: Timers;
}

/** For logs and metrics. `instance` is the id. */
export type HeddleRegistrarEvent =
  /** The instance is registered. */
  | { readonly kind: "registered"; readonly instance: string }
  /** The registry does not answer, or no longer; registering is tried again. */
  | { readonly kind: "disconnected"; readonly instance: string; readonly error: unknown }
  /** The registry wants none of this instance: said once. Trying again goes on. */
  | { readonly kind: "refused"; readonly instance: string; readonly error: HeddleError };

export function createHeddleRegistrar(options: HeddleRegistrarOptions): Registrar {
  return { register: (instance) => keepRegistered(instance, options) };
}

/** How long the registry may take to answer the first message of a stream. */
const GRANT_TIMEOUT_MS = 5_000;
/** How long giving up the lease may delay a shutdown. */
const DEREGISTER_TIMEOUT_MS = 500;

function keepRegistered(first: Endpoint, options: HeddleRegistrarOptions): Registration {
  const { client, incarnation, onEvent = () => {}, random, timers } = options;
  const closing = new AbortController();
  const registered = Promise.withResolvers<void>();
  registered.promise.catch(() => {});
  let instance = first;
  let state: RegistrationState = "registering";
  let lastError: unknown;
  let refused = false;
  let outbox: Outbox<RegisterRequest> | undefined;
  let disposing: Promise<void> | undefined;

  const describe = () => toRequest({ case: "instance", value: toInstance(instance, incarnation) });

  /** One stream, from its first message to whatever ends it. Always rejects. */
  async function holdLease(onGranted: () => void): Promise<never> {
    const requests = createOutbox<RegisterRequest>();
    const stream = openLiveStream((signal) => client.register(requests, { signal, timeoutMs: 0 }), timers);
    closing.signal.addEventListener("abort", stream.close, { once: true });
    if (closing.signal.aborted) stream.close();
    outbox = requests;
    requests.push(describe());
    let sequence = 0n;
    let heartbeats = { ttlMs: 0, cancel: () => {} };
    let silenceMs = GRANT_TIMEOUT_MS;
    try {
      for (;;) {
        const { message } = await stream.next(silenceMs);
        if (message.case !== "lease") continue;
        onGranted();
        const { ttlMs } = message.value;
        if (ttlMs === heartbeats.ttlMs) continue;
        heartbeats.cancel();
        const beat = () => requests.push(toRequest({ case: "heartbeat", value: { sequence: ++sequence } }));
        const timer = timers.every(Math.max(1, ttlMs / 3), beat);
        heartbeats = { ttlMs, cancel: () => timer.cancel() };
        // Each heartbeat is answered: a third of the lease until the next one, and half a lease for the answer.
        silenceMs = ttlMs / 3 + ttlMs / 2;
      }
    } finally {
      heartbeats.cancel();
      requests.end();
      if (outbox === requests) outbox = undefined;
      closing.signal.removeEventListener("abort", stream.close);
      stream.close();
    }
  }

  function onGranted(): void {
    if (state === "closed") return;
    state = "registered";
    lastError = undefined;
    refused = false;
    registered.resolve();
    onEvent({ kind: "registered", instance: instance.id });
  }

  function onLost(error: unknown): void {
    if (state === "closed") return;
    if (state === "registered") state = "lost";
    lastError = error;
    if (ConnectError.from(error).code === Code.Unavailable)
      onEvent({ kind: "disconnected", instance: instance.id, error });
    if (!isRefusal(error) || refused) return;
    refused = true;
    const params = { instance: `${instance.service} at ${instance.address}`, reason: reasonText(error) };
    const refusal = new HeddleError("registrationRefused", params, { cause: error, code: error.code });
    registered.reject(refusal);
    onEvent({ kind: "refused", instance: instance.id, error: refusal });
  }

  async function loop(): Promise<void> {
    for (let attempt = 0; !closing.signal.aborted; attempt++) {
      try {
        await holdLease(() => {
          attempt = -1;
          onGranted();
        });
      } catch (error) {
        onLost(error);
      }
      await pauseBeforeRetry(Math.max(0, attempt), closing.signal, random, timers);
    }
  }

  async function close(): Promise<void> {
    state = "closed";
    registered.reject(new HeddleError("closed", { what: `the registration of ${instance.id}` }));
    closing.abort();
    await running;
    try {
      await client.deregister({ id: instance.id, incarnation }, { timeoutMs: DEREGISTER_TIMEOUT_MS });
    } catch (error) {
      lastError = error;
    }
  }

  const running = loop();

  return {
    registered: registered.promise,
    get state() {
      return state;
    },
    get lastError() {
      return lastError;
    },
    update(change) {
      instance = { ...instance, ...change };
      outbox?.push(describe());
    },
    [Symbol.asyncDispose]() {
      disposing ??= close();
      return disposing;
    },
  };
}

/** True for what trying again with the same instance can't mend. */
function isRefusal(error: unknown): error is ConnectError {
  return error instanceof ConnectError && REFUSALS.has(error.code);
}

const REFUSALS: ReadonlySet<Code> = new Set([
  Code.InvalidArgument,
  Code.PermissionDenied,
  Code.Unauthenticated,
  Code.Unimplemented,
]);

function toRequest(
  message: NonNullable<MessageInitShape<typeof RegisterRequestSchema>["message"]>,
): RegisterRequest {
  return create(RegisterRequestSchema, { message });
}
