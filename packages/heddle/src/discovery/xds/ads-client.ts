/**
 * The one stream of a process to its control plane, shared by all targets: opened while anybody wants anything, opened again
 * with a jittered pause when it is lost. A server that is frozen is found by the PINGs of the transport.
 *
 * Whether a server that has nothing to say is there can't be seen on the stream, so a stream that has not failed for a
 * while counts as alive: the transport gives up an attempt to connect before that.
 */
import { createClient } from "@connectrpc/connect";
import type { Node } from "../../gen/envoy/config/core/v3/core_pb.ts";
import { AggregatedDiscoveryService } from "../../gen/envoy/service/discovery/v3/discovery_pb.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { Timer } from "../../runtime/timer.ts";
import type { RegistryTransport } from "../registry-client.ts";
import { pauseBeforeRetry } from "../waiting/pause.ts";
import { createSendQueue, type SendQueue } from "../waiting/send-queue.ts";
import {
  type AcceptedVersions,
  type AdsDialect,
  createDeltaDialect,
  createSotwDialect,
} from "./ads-dialect.ts";
import { XDS_TYPES, type XdsType } from "./xds-resource.ts";
import { createXdsStore, type XdsStore } from "./xds-store.ts";

export interface AdsClient extends Disposable {
  readonly store: Pick<XdsStore, "entry" | "want" | "unwant">;
  /** The server has been heard on the stream that is open. */
  readonly live: boolean;
  /** How many streams were lost or did not come about. */
  readonly losses: number;
  /** Of the last one that was lost. */
  readonly lastError: Error;
  /** Calls back when anything of this changes, or the store. */
  listen(onNews: () => void): Disposable;
}

export interface AdsClientOptions {
  readonly transport: RegistryTransport;
  readonly node: Node;
  readonly variant: "sotw" | "delta";
  readonly runtime: Runtime;
  readonly onWarning: (message: string, cause?: unknown) => void;
}

export function createAdsClient(options: AdsClientOptions): AdsClient {
  const { transport, node, variant, runtime, onWarning } = options;
  const client = createClient(AggregatedDiscoveryService, transport);
  const versions: AcceptedVersions = new Map();
  const listeners = new Set<() => void>();
  const closing = new AbortController();
  const store = createXdsStore({ timers: runtime.timers, onNames, onNews: tell });
  /** Says on the open stream what is wanted now. */
  let say: ((types: Iterable<XdsType>) => void) | undefined;
  const unsaid = new Set<XdsType>();
  /** Faults that somebody has been told of. */
  const told = new Set<string>();
  let live = false;
  let losses = 0;
  let lastError = new Error("there was no stream yet");
  let running = false;

  /** A control plane sends what was refused again with each change of anything. */
  function warnOnce(fault: string): void {
    if (told.has(fault) || told.size >= MAX_TOLD) return;
    told.add(fault);
    onWarning(`the control plane sent what cannot be used: ${fault}`);
  }

  function tell(): void {
    for (const onNews of listeners) onNews();
  }

  /** Names that come in one turn go out in one request. */
  function onNames(type: XdsType): void {
    if (unsaid.size === 0)
      queueMicrotask(() => {
        const types = [...unsaid];
        unsaid.clear();
        say?.(types);
      });
    unsaid.add(type);
    if (!running && isWanted()) void run();
  }

  function isWanted(): boolean {
    return !closing.signal.aborted && XDS_TYPES.some((type) => store.names(type).length > 0);
  }

  async function run(): Promise<void> {
    running = true;
    for (let attempt = 0; isWanted(); attempt++) {
      try {
        await stream();
      } catch (error) {
        if (closing.signal.aborted || !isWanted()) break;
        if (live) attempt = 0;
        lastError = error as Error;
        losses++;
      } finally {
        say = undefined;
        live = false;
        store.forgetQuestions();
        tell();
      }
      await pauseBeforeRetry(attempt, closing.signal, runtime);
    }
    running = false;
    // Somebody may have come while the last stream ended.
    if (isWanted()) void run();
  }

  function stream(): Promise<void> {
    const calls = { signal: new AbortController(), timeoutMs: 0, onHeader: onAlive };
    if (variant === "delta")
      return follow(createDeltaDialect(store, node), calls.signal, (requests) =>
        client.deltaAggregatedResources(requests, { ...calls, signal: calls.signal.signal }),
      );
    return follow(createSotwDialect(store, node, versions), calls.signal, (requests) =>
      client.streamAggregatedResources(requests, { ...calls, signal: calls.signal.signal }),
    );
  }

  /** One stream, until it is lost (rejects) or nothing is wanted (resolves). */
  async function follow<Request, Response>(
    dialect: AdsDialect<Request, Response>,
    controller: AbortController,
    open: (requests: SendQueue<Request>) => AsyncIterable<Response>,
  ): Promise<void> {
    const requests = createSendQueue<Request>();
    const end = () => controller.abort();
    closing.signal.addEventListener("abort", end, { once: true });
    const quiet: Timer = runtime.timers.after(SILENT_BUT_ALIVE_MS, onAlive);
    say = (types) => {
      for (const type of types) {
        const request = dialect.subscribe(type);
        if (request !== undefined) requests.push(request);
      }
      if (!isWanted()) end();
    };
    say(XDS_TYPES);
    try {
      for await (const response of open(requests)) {
        onAlive();
        const answer = dialect.answer(response);
        if (answer === undefined) continue;
        requests.push(answer.request);
        for (const fault of answer.faults) warnOnce(fault);
      }
      throw new Error("the control plane ended the stream");
    } finally {
      quiet.cancel();
      requests.end();
      closing.signal.removeEventListener("abort", end);
      end();
    }
  }

  function onAlive(): void {
    if (live) return;
    live = true;
    tell();
  }

  return {
    store,
    get live() {
      return live;
    },
    get losses() {
      return losses;
    },
    get lastError() {
      return lastError;
    },
    listen(onNews) {
      listeners.add(onNews);
      return { [Symbol.dispose]: () => void listeners.delete(onNews) };
    },
    [Symbol.dispose]: () => closing.abort(),
  };
}

/** Longer than the transport tries to connect for a call, shorter than a watch waits for its first word. */
const SILENT_BUT_ALIVE_MS = 4_000;
const MAX_TOLD = 100;
