/**
 * A registry as one process sees it: what it registers there, and what it knows of a service. Instances are told apart by
 * their addresses, because not every registry keeps ids.
 */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { openRegistry, type OpenRegistryOptions } from "heddle";
import {
  createEndpoint,
  createEndpointSet,
  type Endpoint,
  parseTarget,
  type RegistrationChange,
  type Resolver,
} from "heddle/discovery";
import { within } from "../../within.ts";
import type { StartedRegistry } from "./registry-under-test.ts";

export interface View {
  readonly resolver: Resolver;
  /** Kinds of events, in order. */
  readonly events: readonly string[];
  enrol(endpoint: Endpoint): Member;
  follow(name: string): Following;
}

/** An instance that somebody keeps in the registry. */
export interface Member {
  /** The first success. */
  readonly registered: Promise<void>;
  readonly state: string;
  update(change: RegistrationChange): void;
  leave(): Promise<void>;
}

export interface ViewOptions extends Pick<OpenRegistryOptions, "incarnation" | "runtime"> {
  /** Default: all nodes, with the short lease. */
  readonly url?: string;
}

/** Closed at the end of the test. */
export async function openView(
  t: TestContext,
  started: StartedRegistry,
  { url = started.url(), ...options }: ViewOptions = {},
): Promise<View> {
  const events: string[] = [];
  const registry = await openRegistry(url, {
    stateFolder: false,
    onEvent: ({ kind }) => events.push(kind),
    ...options,
  });
  t.after(() => registry[Symbol.asyncDispose]());
  const { resolver, registrar } = registry;
  return {
    resolver,
    events,
    enrol(endpoint) {
      if (started.publish !== undefined) return publishMember(started, started.publish, endpoint);
      const registration = (registrar ?? assert.fail("it has no registrar")).register(endpoint);
      return {
        registered: registration.registered,
        get state() {
          return registration.state;
        },
        update: (change) => registration.update(change),
        leave: () => registration[Symbol.asyncDispose](),
      };
    },
    follow: (name) => follow(t, resolver, name),
  };
}

interface Desk {
  /** Service → what is published of it, by address. */
  readonly services: Map<string, Map<string, Endpoint>>;
  /** One write at a time. */
  writing: Promise<void>;
}

const desks = new WeakMap<StartedRegistry, Desk>();

function publishMember(
  started: StartedRegistry,
  publish: NonNullable<StartedRegistry["publish"]>,
  endpoint: Endpoint,
): Member {
  const { service, address } = endpoint;
  const desk = desks.get(started) ?? { services: new Map(), writing: Promise.resolve() };
  desks.set(started, desk);
  const all = desk.services.get(service) ?? new Map<string, Endpoint>();
  desk.services.set(service, all);
  const write = () => (desk.writing = desk.writing.then(() => publish(service, [...all.values()])));
  all.set(address, endpoint);
  return {
    registered: write(),
    state: "registered",
    update(change) {
      all.set(address, { ...(all.get(address) ?? endpoint), ...change });
      void write();
    },
    leave() {
      all.delete(address);
      return write();
    },
  };
}

/** What a caller knows of a name, kept up to date until the test ends. */
export interface Following {
  readonly size: number;
  /** The smallest size since `mark` was called last. */
  readonly lowest: number;
  mark(): void;
  addresses(): readonly string[];
  get(address: string): Endpoint | undefined;
  /** Waits until it holds, looking after each update. */
  when(condition: () => boolean, what: string, ms: number): Promise<void>;
}

function follow(t: TestContext, resolver: Resolver, name: string): Following {
  const set = createEndpointSet();
  let lowest = Number.POSITIVE_INFINITY;
  const waiting = new Set<() => void>();
  const stop = new AbortController();
  const reading = (async () => {
    for await (const update of resolver.watch(parseTarget(`${resolver.scheme}:///${name}`), stop.signal)) {
      assert.equal(set.apply(update).resync, false, "each update follows on the one before");
      lowest = Math.min(lowest, set.endpoints.size);
      for (const look of waiting) look();
    }
  })();
  t.after(async () => {
    stop.abort();
    await reading;
  });
  const all = () => [...set.endpoints.values()];
  const following: Following = {
    get size() {
      return set.endpoints.size;
    },
    get lowest() {
      return lowest;
    },
    mark() {
      lowest = set.endpoints.size;
    },
    addresses: () =>
      all()
        .map(({ address }) => address)
        .toSorted(),
    get: (address) => all().find((endpoint) => endpoint.address === address),
    async when(condition, what, ms) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const look = () => {
        if (condition()) resolve();
      };
      waiting.add(look);
      look();
      try {
        await within(promise, what, ms);
      } catch (error) {
        const shown = all()
          .slice(0, 20)
          .map(({ address, weight }) => `${address} (weight ${weight})`);
        throw new Error(`${String(error)}; known are ${set.endpoints.size}: ${shown.join(", ")}`);
      } finally {
        waiting.delete(look);
      }
    },
  };
  return following;
}

let services = 0;

/** A service that no other test uses. */
export function newService(): string {
  return `orders-${++services}`;
}

/** The `n`-th instance of a service. Each has an address of loopback of its own, and all have one port. */
export function instanceOf(service: string, n: number, more: Partial<Endpoint> = {}): Endpoint {
  const address = `127.1.${n >> 8}.${n & 255}:4001`;
  return createEndpoint({ id: `${service}-${n}`, address, service, ...more });
}
