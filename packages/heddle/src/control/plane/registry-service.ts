/**
 * The registry on the wire: streams and timers around the pure machine. It owns the one timer that drives the machine,
 * and ends every stream when it is disposed.
 */
import { create, type JsonObject, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import {
  ListInstancesResponseSchema,
  type RegisterRequest,
  type RegisterResponse,
  RegisterResponseSchema,
  type RegistryService,
  type WatchResponse,
  WatchResponseSchema,
} from "../../gen/heddle/registry/v1/registry_pb.ts";
import { type Clock, systemClock } from "../../runtime/clock.ts";
import { systemTimers, type Timer, type Timers } from "../../runtime/timer.ts";
import type { WatchEvent } from "./feed.ts";
import type { RegistrySession } from "./instance-record.ts";
import type { Registry } from "./registry.ts";
import { ServiceConfigs } from "./service-configs.ts";

export interface RegistryServiceOptions {
  readonly registry: Registry;
  /** What is told to whoever watches a name. Default: nothing. */
  readonly configs?: ServiceConfigs;
  /** Pause after which a watcher with no news gets a keepalive. Default 2 000 ms. */
  readonly keepaliveMs?: number;
  readonly clock?: Clock;
  readonly timers?: Timers;
}

export interface RegistryServiceHost extends Disposable {
  readonly implementation: ServiceImpl<typeof RegistryService>;
  /** Ends all streams with UNAVAILABLE and stops the timer. */
  [Symbol.dispose](): void;
}

export function createRegistryService(options: RegistryServiceOptions): RegistryServiceHost {
  const { registry, configs = new ServiceConfigs() } = options;
  const { keepaliveMs = 2_000, clock = systemClock, timers = systemTimers } = options;
  const closing = createClosing();
  const maxPauseMs = Math.min(1_000, registry.maxTickGapMs / 2);
  let timer: Timer | undefined;
  let timerDueMs = Number.POSITIVE_INFINITY;

  /** Arms the timer for the machine's next event; called whenever that may have come nearer. */
  function schedule(): void {
    const dueMs = Math.min(registry.nextEventAt(), clock.now() + maxPauseMs);
    if (closing.isClosed || dueMs >= timerDueMs) return;
    timer?.cancel();
    timerDueMs = dueMs;
    timer = timers.after(Math.max(0, dueMs - clock.now()), () => {
      timerDueMs = Number.POSITIVE_INFINITY;
      registry.tick(clock.now());
      schedule();
    });
  }

  function answer(session: RegistrySession, request: RegisterRequest): RegisterResponse {
    const { message } = request;
    switch (message.case) {
      case "heartbeat":
        registry.heartbeat(session, clock.now());
        return toResponse({
          case: "ack",
          value: { sequence: message.value.sequence, revision: registry.revision },
        });
      case "instance":
        registry.update(session, message.value, clock.now(), request.check);
        return lease();
      default:
        throw new ConnectError("the message is empty", Code.InvalidArgument);
    }
  }

  /** Watchers that know the same get the same event, and so the same message. */
  const responses = new WeakMap<WatchEvent, WatchResponse>();

  function toResponseOnce(event: WatchEvent): WatchResponse {
    let response = responses.get(event);
    if (response === undefined) responses.set(event, (response = toWatchResponse(event, keepaliveMs)));
    return response;
  }

  function lease(): RegisterResponse {
    const { leaseTtlMs: ttlMs, revision, epoch } = registry;
    return toResponse({ case: "lease", value: { ttlMs, revision, epoch } });
  }

  schedule();

  return {
    implementation: {
      async *register(requests) {
        let session: RegistrySession | undefined;
        const ending: Ending = { isDue: false, wake: () => {} };
        try {
          for await (const request of untilClosed(requests, closing, ending)) {
            if (session) {
              yield answer(session, request);
            } else {
              if (request.message.case !== "instance") {
                throw new ConnectError("the first message must be the instance", Code.InvalidArgument);
              }
              session = registry.register(request.message.value, clock.now(), request.check);
              // By a stream that may be dead already: who lives is to register again at once, and not at the next heartbeat.
              session.onTaken = () => {
                ending.isDue = true;
                ending.wake();
              };
              yield lease();
            }
          }
          if (closing.isClosed) throw stopping();
          if (ending.isDue) throw takenElsewhere(session);
        } finally {
          if (session) registry.disconnect(session, clock.now());
          schedule();
        }
      },

      deregister: ({ id, incarnation }) => ({ removed: registry.deregister(id, incarnation) }),

      async *watch({ name, filter }, context) {
        const wakeUp = createWakeUp(timers);
        const stop = () => wakeUp.wake();
        const subscription = registry.watch(name, wakeUp.wake, filter);
        const forgetConfig = configs.watch(name, wakeUp.wake);
        let toldConfig: JsonObject | undefined;
        context.signal.addEventListener("abort", stop);
        closing.add(stop);
        try {
          while (!context.signal.aborted) {
            if (closing.isClosed) throw stopping();
            // Before the snapshot: calls that wait for an instance are to be made by it.
            const config = name === "" ? undefined : configs.for(name);
            if (config !== toldConfig) {
              toldConfig = config;
              yield toConfigResponse(config);
              continue;
            }
            const event = subscription.take();
            if (event) yield toResponseOnce(event);
            else if ((await wakeUp.wait(keepaliveMs)) === "timeout") yield keepalive(subscription.revision);
          }
        } finally {
          context.signal.removeEventListener("abort", stop);
          closing.delete(stop);
          forgetConfig();
          subscription.close();
        }
      },

      listInstances({ name, filter }) {
        const { epoch, revision, complete, instances } = registry.list(name, filter);
        return create(ListInstancesResponseSchema, { epoch, revision, complete, instances: [...instances] });
      },
    },
    [Symbol.dispose]() {
      closing.close();
      timer?.cancel();
    },
  };
}

/**
 * Who is to be told at the end. Not an AbortSignal: a listener more or less costs that one a walk over all others, and here
 * each stream has one.
 */
interface Closing {
  readonly isClosed: boolean;
  add(stop: () => void): void;
  delete(stop: () => void): void;
  close(): void;
}

function createClosing(): Closing {
  const stops = new Set<() => void>();
  let isClosed = false;
  return {
    get isClosed() {
      return isClosed;
    },
    add: (stop) => void stops.add(stop),
    delete: (stop) => void stops.delete(stop),
    close() {
      isClosed = true;
      for (const stop of stops) stop();
    },
  };
}

/** That one stream is to end, and how to tell whoever waits for its next request. */
interface Ending {
  isDue: boolean;
  wake(): void;
}

/** The requests of a stream, ending quietly when the service closes or the stream is to end, even while nothing arrives. */
async function* untilClosed<T>(
  source: AsyncIterable<T>,
  closing: Closing,
  ending: Ending,
): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]();
  let stop = () => {};
  const onClose = () => stop();
  closing.add(onClose);
  ending.wake = onClose;
  try {
    while (!closing.isClosed && !ending.isDue) {
      // A new promise for each wait: racing against one that lives as long as the stream would hold every round in memory.
      const result = await new Promise<IteratorResult<T, unknown>>((resolve, reject) => {
        stop = () => resolve({ done: true, value: undefined });
        iterator.next().then(resolve, reject);
      });
      if (result.done) return;
      yield result.value;
    }
  } finally {
    closing.delete(onClose);
    iterator.return?.().catch(() => {});
  }
}

/** Waits for a call of `wake`, or a while. A wake that comes while nobody waits is kept for the next wait. */
function createWakeUp(timers: Timers): { wake(): void; wait(ms: number): Promise<"woken" | "timeout"> } {
  let woken = false;
  let waiting: (() => void) | undefined;
  return {
    wake() {
      woken = true;
      waiting?.();
    },
    async wait(ms) {
      if (!woken) {
        const { promise, resolve } = Promise.withResolvers<void>();
        const timer = timers.after(ms, resolve);
        waiting = resolve;
        await promise;
        waiting = undefined;
        timer.cancel();
      }
      const reason = woken ? "woken" : "timeout";
      woken = false;
      return reason;
    },
  };
}

function toWatchResponse(event: WatchEvent, keepaliveIntervalMs: number): WatchResponse {
  switch (event.kind) {
    case "snapshot": {
      const { epoch, revision, complete, instances } = event;
      const value = { epoch, revision, complete, instances: [...instances], keepaliveIntervalMs };
      return create(WatchResponseSchema, { event: { case: "snapshot", value } });
    }
    case "delta": {
      const { revision, previousRevision, upserted, removed } = event;
      const value = { revision, previousRevision, upserted: [...upserted], removedIds: [...removed] };
      return create(WatchResponseSchema, { event: { case: "delta", value } });
    }
    case "overflow":
      throw new ConnectError("the watcher was too slow and missed changes: watch again", Code.Aborted);
  }
}

function toConfigResponse(config: JsonObject | undefined): WatchResponse {
  const value = config === undefined ? {} : { config };
  return create(WatchResponseSchema, { event: { case: "serviceConfig", value } });
}

function keepalive(revision: bigint): WatchResponse {
  return create(WatchResponseSchema, { event: { case: "keepalive", value: { revision } } });
}

function toResponse(
  message: NonNullable<MessageInitShape<typeof RegisterResponseSchema>["message"]>,
): RegisterResponse {
  return create(RegisterResponseSchema, { message });
}

function takenElsewhere(session: RegistrySession | undefined): ConnectError {
  return new ConnectError(`${session?.id} registered with another control plane`, Code.Aborted);
}

function stopping(): ConnectError {
  return new ConnectError("the registry is stopping", Code.Unavailable);
}
