/** Many watchers in one process, each with a connection of its own, as if each were a process. */
import { openRegistry } from "heddle";
import { createEndpointSet, parseTarget, type RegistryClient } from "heddle/discovery";
import { SENT_LABEL, serviceName } from "./fleet.ts";
import { nowNs } from "./now-ns.ts";
import { serveParent } from "./worker.ts";

export type WatcherTasks = typeof tasks;

let closing = new AbortController();
let clients: RegistryClient[] = [];
let lagsMs: number[] = [];

const tasks = {
  /** Opens a watcher for each service; resolves when each knows so many instances. */
  async open({ url, services, size }: { url: string; services: number[]; size: number }): Promise<void> {
    await Promise.all(services.map((service) => follow(url, serviceName(service), size)));
  },

  async close(): Promise<void> {
    closing.abort();
    closing = new AbortController();
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
    clients = [];
  },

  /** How long each change took to get here since the last question, in ms. */
  takeLags(): number[] {
    const taken = lagsMs;
    lagsMs = [];
    return taken;
  },

  /** How long a new watch of each service takes to know its instances, one after the other on one connection, in ms. */
  async timeSnapshots({ url, services }: { url: string; services: number[] }): Promise<number[]> {
    const client = await open(url);
    const times: number[] = [];
    for (const service of services) {
      const stop = new AbortController();
      const startedAtMs = performance.now();
      for await (const _ of client.resolver.watch(targetOf(url, serviceName(service)), stop.signal)) {
        times.push(performance.now() - startedAtMs);
        break;
      }
      stop.abort();
    }
    await client[Symbol.asyncDispose]();
    return times.slice(1);
  },
};

function open(url: string): Promise<RegistryClient> {
  return openRegistry(url, { stateFolder: false, env: {} });
}

function targetOf(url: string, name: string) {
  return parseTarget(`${new URL(url).protocol}///${name}`);
}

/** Resolves when the registry has told of so many instances, and goes on watching. */
async function follow(url: string, name: string, size: number): Promise<void> {
  const client = await open(url);
  clients.push(client);
  const { signal } = closing;
  const first = Promise.withResolvers<void>();
  const set = createEndpointSet();
  void (async () => {
    for await (const update of client.resolver.watch(targetOf(url, name), signal)) {
      const { changed } = set.apply(update);
      if (set.complete && set.endpoints.size === size) first.resolve();
      for (const { metadata } of changed) {
        const sent = metadata[SENT_LABEL];
        if (sent !== undefined) lagsMs.push((nowNs() - Number(sent)) / 1e6);
      }
    }
  })().catch(first.reject);
  return first.promise;
}

serveParent(tasks);
