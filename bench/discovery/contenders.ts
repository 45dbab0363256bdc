/** The registries side by side: each a process of its own, filled in the cheapest way that its watchers can't tell from the usual one. */
import { existsSync } from "node:fs";
import { startConsul } from "../../test/kit/registries/consul.ts";
import { startEtcd } from "../../test/kit/registries/etcd.ts";
import { builtProgram } from "../../test/kit/registries/places.ts";
import { contractName, instanceOf, serviceName } from "./fleet.ts";
import { type TimedAnswer, timeGrpcCall } from "./grpc-call.ts";
import type { RegistrantTasks } from "./registrants.ts";
import type { RegistryTasks } from "./registry.ts";
import { startWorker, type Worker } from "./worker.ts";

export const contenderNames = ["heddle", "etcd", "consul"] as const;
export type ContenderName = (typeof contenderNames)[number];

export interface Contender extends AsyncDisposable {
  readonly name: ContenderName;
  /** As `openRegistry` takes it. Leases are long enough that no heartbeat falls into the run. */
  readonly url: string;
  readonly pid: number;
  /** Adds instances `from` to `to` (exclusive) of each service. */
  fill(services: readonly number[], from: number, to: number): Promise<void>;
  /** Everything in one answer; undefined where there is no such call. */
  readAll?(): Promise<TimedAnswer>;
  /** Live objects in bytes, where the process can say. */
  heapBytes?(): Promise<number>;
}

/** Whether what a contender needs is on this machine. */
export function isThere(name: ContenderName): boolean {
  return name === "heddle" || existsSync(builtProgram(name));
}

export function startContender(name: ContenderName): Promise<Contender> {
  if (name === "heddle") return startHeddle();
  return name === "etcd" ? startEtcdContender() : startConsulContender();
}

const LEASE_SECONDS = 900;
/** Processes that hold the instances which don't change. */
const HOLDERS = 2;
/** Registrations of each that are on their way. */
const AT_ONCE = 256;

async function startHeddle(): Promise<Contender> {
  await using parts = new AsyncDisposableStack();
  const registry = parts.use(await startWorker<RegistryTasks>("registry.ts", ["--expose-gc"]));
  const address = await registry.ask("start", { leaseTtlMs: LEASE_SECONDS * 1_000 });
  const url = `heddle://${address}`;
  const holders: Worker<RegistrantTasks>[] = [];
  for (let i = 0; i < HOLDERS; i++) {
    const holder = parts.use(await startWorker<RegistrantTasks>("registrants.ts"));
    await holder.ask("connect", { url });
    holders.push(holder);
  }
  const owned = parts.move();
  return {
    name: "heddle",
    url,
    pid: registry.pid,
    async fill(services, from, to) {
      const share = (nth: number) => services.filter((service) => service % HOLDERS === nth);
      await Promise.all(
        holders.map((holder, nth) =>
          holder.ask("register", { services: share(nth), from, to, atOnce: AT_ONCE }),
        ),
      );
    },
    readAll: () =>
      timeGrpcCall(address, "/heddle.registry.v1.RegistryService/ListInstances", new Uint8Array()),
    heapBytes: () => registry.ask("heapBytes", undefined),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Filled by transactions of etcd's JSON gateway, all keys on one lease, in the layout that our adapter writes. */
async function startEtcdContender(): Promise<Contender> {
  // etcd's own default for the heartbeat of its leader.
  const server = await startEtcd({ heartbeatMs: 100 });
  const [node] = server.nodes;
  if (node === undefined) throw new Error("etcd has no node");
  const post = (path: string, body: object) => postJson("POST", `http://${node.address}/v3/${path}`, body);
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  let lease: unknown;
  return {
    name: "etcd",
    url: `${server.url}?ttlMs=${LEASE_SECONDS * 1_000}`,
    pid: node.pid,
    async fill(services, from, to) {
      lease ??= ((await post("lease/grant", { TTL: LEASE_SECONDS * 4 })) as { ID: string }).ID;
      await inBatches(services, from, to, ETCD_BATCH, async (batch) => {
        const success = batch.flatMap(({ service, index }) => {
          const { id, address, ...ours } = instanceOf(service, index);
          const value = { Op: 0, Addr: address, heddle: { ...ours, id, incarnation: "1" } };
          return [serviceName(service), contractName(service)].map((name) => ({
            requestPut: { key: base64(`heddle/${name}/${id}`), value: base64(JSON.stringify(value)), lease },
          }));
        });
        await post("kv/txn", { success });
      });
    },
    // All instances once: the keys of the services, without those of the contracts.
    readAll: () =>
      timeGrpcCall(
        node.address,
        "/etcdserverpb.KV/Range",
        rangeRequest("heddle/service-", "heddle/service."),
      ),
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

/** etcd takes 128 operations in a transaction, and an instance has two keys. */
const ETCD_BATCH = 60;

/** A RangeRequest: `key` is field 1, `range_end` field 2, both shorter than 128 bytes. */
function rangeRequest(key: string, rangeEnd: string): Uint8Array {
  return Buffer.concat([
    Buffer.from([0x0a, key.length]),
    Buffer.from(key),
    Buffer.from([0x12, rangeEnd.length]),
    Buffer.from(rangeEnd),
  ]);
}

/** Filled by transactions on the catalog, without checks, as if an agent elsewhere had synchronized them. */
async function startConsulContender(): Promise<Contender> {
  const server = await startConsul({ maxConnections: 10_000 });
  const [node] = server.nodes;
  if (node === undefined) throw new Error("Consul has no node");
  const base = `http://${node.address}/v1`;
  const put = (path: string, body: unknown) => postJson("PUT", `${base}/${path}`, body);
  let hasNode = false;
  return {
    name: "consul",
    url: `${server.url}?ttlMs=${LEASE_SECONDS * 1_000}`,
    pid: node.pid,
    async fill(services, from, to) {
      if (!hasNode) await put("catalog/register", { Node: "fleet", Address: "10.0.0.1" });
      hasNode = true;
      await inBatches(services, from, to, CONSUL_BATCH, async (batch) => {
        const operations = batch.flatMap(({ service, index }) => {
          const { id, address, zone = "", version = "", metadata } = instanceOf(service, index);
          const [host = "", port] = address.split(":");
          return [serviceName(service), contractName(service)].map((name) => ({
            Service: {
              Verb: "set",
              Node: "fleet",
              Service: {
                ID: `${name}:${id}`,
                Service: name,
                Address: host,
                Port: Number(port),
                Meta: { ...metadata, zone, version, instance: id },
              },
            },
          }));
        });
        await put("txn", operations);
      });
    },
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

/** Consul takes 64 operations in a transaction, and an instance has two entries. */
const CONSUL_BATCH = 32;
const FILLERS = 8;

/** All instances in batches, some of which are on their way at a time. */
async function inBatches(
  services: readonly number[],
  from: number,
  to: number,
  size: number,
  write: (batch: readonly { service: number; index: number }[]) => Promise<void>,
): Promise<void> {
  const all = services.flatMap((service) =>
    Array.from({ length: to - from }, (_, i) => ({ service, index: from + i })),
  );
  let next = 0;
  const filler = async () => {
    while (next < all.length) {
      const batch = all.slice(next, next + size);
      next += size;
      await write(batch);
    }
  };
  await Promise.all(Array.from({ length: FILLERS }, filler));
}

async function postJson(method: "POST" | "PUT", url: string, body: unknown): Promise<unknown> {
  const response = await fetch(url, { method, body: JSON.stringify(body) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text.slice(0, 300)}`);
  return text === "true" || text === "" ? undefined : JSON.parse(text);
}
