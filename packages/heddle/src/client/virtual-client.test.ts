/**
 * A client whose time stands still until the test moves it, on scripted servers in memory.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as macrotask } from "node:timers/promises";
import { ConnectError } from "@connectrpc/connect";
import type { CallRecord } from "../call/record.ts";
import { until } from "../connection/scripted-peer.test.ts";
import { Echo } from "../contract/echo-service.test.ts";
import type { Resolver, ResolverUpdate } from "../discovery/resolver.ts";
import { createStaticResolver } from "../discovery/static.ts";
import { parseTarget } from "../discovery/target.ts";
import { createSeededRandom } from "../runtime/random.ts";
import { createRuntime } from "../runtime/runtime.ts";
import { createVirtualTime } from "../runtime/virtual-time.ts";
import { Channel } from "./channel.ts";
import type { ClientOptions } from "./options.ts";
import { createStub } from "./stub.ts";

export interface VirtualClientOptions extends ClientOptions {
  readonly target: string;
  readonly resolver?: Resolver;
  readonly seed?: number;
}

export function createVirtualClient({ target, resolver, seed = 7, ...options }: VirtualClientOptions) {
  const time = createVirtualTime();
  // Not 0: a time of 0 would hide a field that was never set.
  time.advance(1000);
  const runtime = createRuntime({ clock: time, timers: time, random: createSeededRandom(seed) });
  const records: CallRecord[] = [];
  const channel = new Channel({
    target: parseTarget(target),
    resolver: resolver ?? createStaticResolver(),
    runtime,
    options: { observe: (record) => records.push(record), ...options },
  });
  return {
    time,
    channel,
    records,
    wheel: runtime.wheel,
    echo: createStub(Echo, channel),
    get inFlight(): number[] {
      return [...channel.subchannels.values()].map(({ inFlight }) => inFlight);
    },
    async ready(count = 1): Promise<void> {
      channel.connect();
      await until(
        () => [...channel.subchannels.values()].filter(({ state }) => state === "ready").length >= count,
        `${count} ready`,
      );
    },
    /** Lets time pass in small steps, with turns of the event loop between them. */
    async pass(ms: number): Promise<void> {
      for (const untilMs = time.now() + ms; ; time.advance(Math.min(50, untilMs - time.now()))) {
        for (let turn = 0; turn < 4; turn++) await macrotask();
        if (time.now() >= untilMs) return;
      }
    },
    [Symbol.dispose]: () => channel.close("now"),
  };
}

/** The error that a call ends with. */
export async function failureOf(call: Promise<unknown>): Promise<ConnectError> {
  const outcome = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(outcome instanceof ConnectError, `a ConnectError, not ${String(outcome)}`);
  return outcome;
}

/** A resolver that says what the test tells it to. */
export function createScriptedResolver() {
  const updates: ResolverUpdate[] = [];
  let wake = () => {};
  let fault: Error | undefined;
  let ended = false;
  let watches = 0;
  let revision = 0n;
  const resolver: Resolver = {
    scheme: "scripted",
    async *watch(_target, signal) {
      watches++;
      ended = false;
      signal.addEventListener("abort", () => wake());
      for (;;) {
        const next = updates.shift();
        if (next !== undefined) yield next;
        else if (fault !== undefined) {
          const thrown = fault;
          fault = undefined;
          throw thrown;
        } else if (signal.aborted || ended) return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
  return {
    resolver,
    get watches() {
      return watches;
    },
    push(update: ResolverUpdate): void {
      updates.push(update);
      wake();
    },
    /** A complete snapshot of these endpoints. */
    tell(endpoints: Extract<ResolverUpdate, { kind: "snapshot" }>["endpoints"], complete = true): void {
      revision += 1n;
      this.push({ kind: "snapshot", epoch: "e", revision, endpoints, complete });
    },
    throw(error: Error): void {
      fault = error;
      wake();
    },
    end(): void {
      ended = true;
      wake();
    },
  };
}

test("virtual time stands still", () => {
  using client = createVirtualClient({ target: "memory:nobody" });
  assert.equal(client.time.now(), 1000);
});

/** One that finds its instances by what the test tells it. */
export function createDiscoveredClient(
  options: Omit<Parameters<typeof createVirtualClient>[0], "target"> = {},
) {
  const discovery = createScriptedResolver();
  const client = createVirtualClient({
    target: "scripted:///orders",
    resolver: discovery.resolver,
    ...options,
  });
  return { discovery, client };
}
