/** A registry, agents and virtual time in the hands of a test. Used by the tests of the agent. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as macrotask } from "node:timers/promises";
import { Code, ConnectError, createRouterTransport, type Transport } from "@connectrpc/connect";
import type { DiscoveryEvent } from "../../discovery/discovery-event.ts";
import { createLastGoodStore } from "../../discovery/follow/last-good.ts";
import type { WatchLoop } from "../../discovery/follow/watch-loop.ts";
import type { Registrar } from "../../discovery/registrar.ts";
import { parseRegistryUrl } from "../../discovery/registry-url.ts";
import { RegistryService, type WatchResponse } from "../../gen/heddle/registry/v1/registry_pb.ts";
import { createSeededRandom } from "../../runtime/random.ts";
import { createRuntime, type Runtime, systemRuntime } from "../../runtime/runtime.ts";
import { createVirtualTime } from "../../runtime/virtual-time.ts";
import { createRegistry, type Registry } from "../plane/registry.ts";
import { createRegistryService, type RegistryServiceHost } from "../plane/registry-service.ts";
import { openHeddle } from "./open-heddle.ts";

export interface AgentOptions {
  readonly transport: Transport;
  /** Default: nothing is saved. */
  readonly stateFolder?: string;
  /** Default 1. */
  readonly incarnation?: bigint;
  readonly onEvent?: (event: DiscoveryEvent) => void;
  readonly onWarning?: (message: string) => void;
  /** Default: real time. */
  readonly runtime?: Runtime;
}

export interface Agent extends AsyncDisposable {
  readonly resolver: WatchLoop;
  readonly registrar: Registrar;
}

/** What a process uses of its registry, over a transport of the test's. */
export function openAgent({ transport, stateFolder, onEvent = () => {}, ...options }: AgentOptions): Agent {
  const { onWarning = () => {}, runtime = systemRuntime, incarnation = 1n } = options;
  const lastGood =
    stateFolder === undefined
      ? undefined
      : createLastGoodStore({ registry: "r", folder: stateFolder, onWarning, ...runtime });
  const client = openHeddle({
    url: parseRegistryUrl("memory:r"),
    runtime,
    env: {},
    incarnation,
    lastGood,
    onEvent,
    onWarning,
    openTransport: () => ({
      unary: transport.unary,
      stream: (...args) => transport.stream(...args),
      close: () => {},
    }),
  });
  const { registrar } = client;
  assert.ok(registrar);
  return {
    resolver: client.resolver as WatchLoop,
    registrar,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await lastGood?.[Symbol.asyncDispose]();
    },
  };
}

/** A registry that can be stopped, restarted with nothing in it, and frozen. */
export function createWorld() {
  const time = createVirtualTime();
  const runtime = createRuntime({ clock: time, timers: time, random: createSeededRandom(1) });
  let epoch = 0;
  let current: { registry: Registry; host: RegistryServiceHost; transport: Transport } | undefined;
  /** Messages of streams opened before the last freeze are held back for ever. */
  let freezes = 0;
  const frozen = new Promise<never>(() => {});
  let losesDeltas = false;
  let streamsOpened = 0;

  function reach(): Transport {
    if (!current) throw new ConnectError("connection refused", Code.Unavailable);
    return current.transport;
  }

  async function* gated<T>(messages: AsyncIterable<T>): AsyncGenerator<T> {
    const openedAt = freezes;
    for await (const message of messages) {
      if (freezes !== openedAt) await frozen;
      if (losesDeltas && (message as Partial<WatchResponse>).event?.case === "delta") continue;
      yield message;
    }
  }

  const world = {
    time,
    runtime,
    transport: {
      unary: async (...args) => reach().unary(...args),
      stream: async (...args) => {
        const response = await reach().stream(...args);
        streamsOpened++;
        return { ...response, message: gated(response.message) };
      },
    } satisfies Transport as Transport,
    get registry(): Registry {
      assert.ok(current, "the registry is up");
      return current.registry;
    },
    startRegistry(options: { warmUpMs?: number } = {}) {
      const registry = createRegistry({ epoch: `e${++epoch}`, startedAtMs: time.now(), ...options });
      const host = createRegistryService({ registry, clock: time, timers: time });
      const transport = createRouterTransport((router) =>
        router.service(RegistryService, host.implementation),
      );
      current = { registry, host, transport };
    },
    stopRegistry() {
      current?.host[Symbol.dispose]();
      current = undefined;
    },
    freezeStreams() {
      freezes++;
    },
    get streamsOpened() {
      return streamsOpened;
    },
    loseDeltas(on: boolean) {
      losesDeltas = on;
    },
    /** Lets virtual time pass, with whatever happens meanwhile. */
    async pass(ms: number) {
      for (const untilMs = time.now() + ms; ; time.advance(Math.min(50, untilMs - time.now()))) {
        for (let n = 0; n < 4; n++) await macrotask();
        if (time.now() >= untilMs) return;
      }
    },
    /** Waits for files, which take real time. */
    async until(what: string, condition: () => boolean | Promise<boolean>) {
      for (const deadline = performance.now() + 10_000; !(await condition()); await macrotask()) {
        assert.ok(performance.now() < deadline, `timed out: ${what}`);
      }
    },
    agent(options: Partial<AgentOptions> = {}) {
      return openAgent({ transport: world.transport, runtime, ...options });
    },
    [Symbol.dispose]: () => world.stopRegistry(),
  };
  return world;
}

test("a registry that is stopped can't be reached", async () => {
  using world = createWorld();
  await assert.rejects(
    world.transport.unary(RegistryService.method.listInstances, undefined, undefined, undefined, {}),
    /connection refused/,
  );
});
