/** A registry as one process of a test sees it, with what it was told, and what a caller there knows of a name. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { openRegistry } from "heddle";
import {
  createEndpoint,
  createEndpointSet,
  type Endpoint,
  parseTarget,
  type Registrar,
} from "heddle/discovery";

export type Opened = Awaited<ReturnType<typeof opened>>;

/** Closed at the end of the test. `events` are the kinds, in order. */
export async function opened(t: TestContext, url: string) {
  const events: string[] = [];
  const registry = await openRegistry(url, { stateFolder: false, onEvent: ({ kind }) => events.push(kind) });
  t.after(() => registry[Symbol.asyncDispose]());
  const { resolver } = registry;
  const registrar: Registrar = registry.registrar ?? assert.fail(`${resolver.scheme}:// has no registrar`);
  return { resolver, registrar, events, close: () => registry[Symbol.asyncDispose]() };
}

/** The endpoints of a name (and `?query`), kept up to date until the test ends; `sizes` are the counts after each update. */
export function watching(t: TestContext, { resolver }: Pick<Opened, "resolver">, name: string) {
  const set = createEndpointSet();
  const sizes: number[] = [];
  const stop = new AbortController();
  const reading = (async () => {
    for await (const update of resolver.watch(parseTarget(`${resolver.scheme}:///${name}`), stop.signal)) {
      set.apply(update);
      sizes.push(set.endpoints.size);
    }
  })();
  t.after(async () => {
    stop.abort();
    await reading;
  });
  return {
    sizes,
    ids: () => [...set.endpoints.keys()].toSorted(),
    get: (id: string) => set.endpoints.get(id),
    get size() {
      return set.endpoints.size;
    },
  };
}

export function instanceOf(id: string, more: Partial<Endpoint> = {}): Endpoint {
  return createEndpoint({ id, address: "127.0.0.1:4001", service: "orders", ...more });
}
