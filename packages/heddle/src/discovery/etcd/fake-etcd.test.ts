/**
 * A store with revisions, leases and watches that answers as etcd does, in memory and under virtual time. For the speed
 * of unit tests alone: what is true of etcd is found out with etcd (test/real/discovery/etcd.test.ts).
 */
import { setImmediate as macrotask } from "node:timers/promises";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createRouterTransport, type Transport } from "@connectrpc/connect";
import { type Event, Event_EventType, type KeyValue, KeyValueSchema } from "../../gen/etcd/kv_pb.ts";
import {
  Auth,
  KV,
  Lease,
  type RequestOp,
  type ResponseOpSchema,
  Watch,
  type WatchCreateRequest,
  type WatchRequest,
  type WatchResponseSchema,
} from "../../gen/etcd/rpc_pb.ts";
import { createSeededRandom } from "../../runtime/random.ts";
import { createRuntime } from "../../runtime/runtime.ts";
import { createVirtualTime } from "../../runtime/virtual-time.ts";
import { createSendQueue, type SendQueue } from "../waiting/send-queue.ts";
import { keyText } from "./etcd-keys.ts";

type WatchAnswer = MessageInitShape<typeof WatchResponseSchema>;
interface Revision {
  readonly revision: bigint;
  readonly events: readonly Event[];
}
interface WatchStream {
  readonly out: SendQueue<WatchAnswer>;
  readonly watchers: Map<bigint, WatchCreateRequest>;
}

export class FakeEtcd {
  readonly time = createVirtualTime();
  readonly runtime = createRuntime({ clock: this.time, timers: this.time, random: createSeededRandom(1) });
  readonly kvs = new Map<string, KeyValue>();
  readonly leases = new Map<bigint, { ttl: bigint; expiresAtMs: number }>();
  readonly streams = new Set<WatchStream>();
  revision = 1n;
  compacted = 0n;
  /** Nothing is answered while it is true. */
  frozen = false;
  /** A write is done, and its answer lost, so many times. */
  answersToLose = 0;
  /** Runs when a list has been made and not answered yet. */
  afterRange = () => {};
  /** What calls must carry. */
  token: string | undefined;
  refusesWatches = false;
  grants = 0;
  logins = 0;
  keepAlives = 0;
  progressRequests = 0;
  ranges = 0;
  streamsOpened = 0;
  readonly #history: Revision[] = [];
  readonly transport: Transport;

  constructor() {
    this.transport = createRouterTransport(({ service }) => {
      service(KV, {
        range: async ({ key, rangeEnd, limit, revision }, { requestHeader }) => {
          await this.#gate(requestHeader);
          this.ranges++;
          if (revision !== 0n && revision < this.compacted)
            throw new ConnectError("etcdserver: mvcc: required revision has been compacted", Code.OutOfRange);
          const all = [...this.kvs.values()].filter((kv) => inRange(kv.key, key, rangeEnd)).toSorted(byKey);
          const kvs = limit === 0n ? all : all.slice(0, Number(limit));
          const answer = { header: { revision: this.revision }, kvs, more: kvs.length < all.length };
          this.afterRange();
          return answer;
        },
        txn: async ({ compare, success, failure }, { requestHeader }) => {
          await this.#gate(requestHeader);
          const succeeded = compare.every(
            ({ key, targetUnion }) => (this.kvs.get(keyText(key))?.modRevision ?? 0n) === targetUnion.value,
          );
          const responses = this.#apply(succeeded ? success : failure);
          if (this.answersToLose > 0 && this.answersToLose--)
            throw new ConnectError("the connection was lost", Code.Unavailable);
          return { header: { revision: this.revision }, succeeded, responses };
        },
      });
      service(Lease, {
        leaseGrant: async ({ TTL }, { requestHeader }) => {
          await this.#gate(requestHeader);
          const ID = BigInt(++this.grants);
          this.leases.set(ID, { ttl: TTL, expiresAtMs: this.time.now() + Number(TTL) * 1000 });
          return { ID, TTL };
        },
        leaseRevoke: async ({ ID }) => {
          await this.#gate();
          this.endLease(ID);
          return {};
        },
        leaseKeepAlive: (requests) => this.#keepAlive(requests),
      });
      service(Watch, { watch: (requests) => this.#watch(requests) });
      service(Auth, {
        authenticate: async ({ name, password }) => {
          await this.#gate();
          this.logins++;
          if (this.token === undefined)
            throw new ConnectError("etcdserver: authentication is not enabled", Code.FailedPrecondition);
          if (`${name}:${password}` !== "app:pw")
            throw new ConnectError(
              "etcdserver: authentication failed, invalid user ID or password",
              Code.InvalidArgument,
            );
          return { token: this.token };
        },
      });
    });
  }

  put(key: string, value: string, lease: bigint = 0n): void {
    this.#commit([this.#put(Buffer.from(key), Buffer.from(value), lease)]);
  }

  delete(...keys: string[]): void {
    this.#commit(keys.flatMap((key) => this.#delete(key)));
  }

  compact(): void {
    this.compacted = this.revision;
  }

  /** The lease has run out. */
  endLease(id: bigint): void {
    this.leases.delete(id);
    this.delete(...[...this.kvs].filter(([, kv]) => kv.lease === id).map(([key]) => key));
  }

  /** Lets everything happen that needs no time, then moves time on in small steps until the condition holds. */
  async until(condition: () => boolean, what: string): Promise<void> {
    for (let step = 0; step < 5_000; step++) {
      for (let turn = 0; turn < 4; turn++) await macrotask();
      if (condition()) return;
      this.time.advance(20);
    }
    throw new Error(`${what} did not happen`);
  }

  async pass(ms: number): Promise<void> {
    const end = this.time.now() + ms;
    await this.until(() => this.time.now() >= end, `the time of ${ms} ms`);
  }

  async #gate(headers?: Headers): Promise<void> {
    while (this.frozen) await macrotask();
    if (headers !== undefined && this.token !== undefined && headers.get("token") !== this.token)
      throw new ConnectError("etcdserver: invalid auth token", Code.Unauthenticated);
  }

  #apply(operations: readonly RequestOp[]): MessageInitShape<typeof ResponseOpSchema>[] {
    const events: Event[] = [];
    const responses = operations.map(({ request }): MessageInitShape<typeof ResponseOpSchema> => {
      if (request.case === "requestRange") {
        const kv = this.kvs.get(keyText(request.value.key));
        return { response: { case: "responseRange", value: { kvs: kv === undefined ? [] : [kv] } } };
      }
      if (request.case === "requestPut") {
        const { key, value, lease } = request.value;
        if (lease !== 0n && !this.leases.has(lease))
          throw new ConnectError("etcdserver: requested lease not found", Code.NotFound);
        events.push(this.#put(key, value, lease));
      } else if (request.case === "requestDeleteRange")
        events.push(...this.#delete(keyText(request.value.key)));
      return {};
    });
    this.#commit(events);
    return responses;
  }

  #put(key: Uint8Array, value: Uint8Array, lease: bigint): Event {
    const kv = create(KeyValueSchema, {
      key: Uint8Array.from(key),
      value: Uint8Array.from(value),
      lease,
      modRevision: this.revision + 1n,
    });
    this.kvs.set(keyText(key), kv);
    return { $typeName: "mvccpb.Event", type: Event_EventType.PUT, kv };
  }

  #delete(key: string): Event[] {
    if (!this.kvs.delete(key)) return [];
    const kv = create(KeyValueSchema, { key: Buffer.from(key), modRevision: this.revision + 1n });
    return [{ $typeName: "mvccpb.Event", type: Event_EventType.DELETE, kv }];
  }

  #commit(events: readonly Event[]): void {
    if (events.length === 0) return;
    const committed = { revision: ++this.revision, events };
    this.#history.push(committed);
    for (const { out, watchers } of this.streams)
      for (const [id, watcher] of watchers) this.#tell(out, id, watcher, committed);
  }

  #tell(
    out: SendQueue<WatchAnswer>,
    watchId: bigint,
    watcher: WatchCreateRequest,
    { revision, events }: Revision,
  ): void {
    const own = events.filter(({ kv }) => kv !== undefined && inRange(kv.key, watcher.key, watcher.rangeEnd));
    if (revision < watcher.startRevision) return;
    // Each event is a fragment of its own, as if they were big.
    for (const [at, event] of own.entries())
      out.push({ header: { revision }, watchId, events: [event], fragment: at < own.length - 1 });
  }

  async *#keepAlive(requests: AsyncIterable<{ ID: bigint }>) {
    for await (const { ID } of requests) {
      await this.#gate();
      this.keepAlives++;
      const lease = this.leases.get(ID);
      if (lease !== undefined) lease.expiresAtMs = this.time.now() + Number(lease.ttl) * 1000;
      yield { ID, TTL: lease?.ttl ?? 0n };
    }
  }

  async *#watch(requests: AsyncIterable<WatchRequest>) {
    this.streamsOpened++;
    const stream: WatchStream = { out: createSendQueue(), watchers: new Map() };
    this.streams.add(stream);
    const reading = this.#readWatch(stream, requests).catch(() => {});
    void reading.then(() => stream.out.end());
    try {
      for await (const answer of stream.out) {
        await this.#gate();
        yield answer;
      }
    } finally {
      this.streams.delete(stream);
    }
  }

  async #readWatch({ out, watchers }: WatchStream, requests: AsyncIterable<WatchRequest>): Promise<void> {
    for await (const { requestUnion: request } of requests) {
      if (request.case === "progressRequest") {
        this.progressRequests++;
        // As in etcd's `progressIfSync`.
        if ([...watchers.values()].some(({ startRevision }) => startRevision > this.revision)) continue;
        out.push({ header: { revision: this.revision }, watchId: -1n });
      } else if (request.case === "cancelRequest") {
        watchers.delete(request.value.watchId);
        out.push({ watchId: request.value.watchId, canceled: true });
      } else if (request.case === "createRequest") {
        const { watchId, startRevision } = request.value;
        if (this.refusesWatches) {
          const cancelReason = "rpc error: code = PermissionDenied desc = etcdserver: permission denied";
          out.push({ watchId: -1n, created: true, canceled: true, cancelReason });
          continue;
        }
        out.push({ watchId, created: true });
        if (startRevision < this.compacted) {
          out.push({ watchId, canceled: true, compactRevision: this.compacted });
          continue;
        }
        watchers.set(watchId, request.value);
        for (const committed of this.#history) this.#tell(out, watchId, request.value, committed);
      }
    }
  }

  /** What etcd does to watchers that have fallen behind a compaction. */
  cancelWatchersAsCompacted(): void {
    this.compact();
    for (const { out, watchers } of this.streams) {
      for (const watchId of watchers.keys())
        out.push({ watchId, canceled: true, compactRevision: this.compacted });
      watchers.clear();
    }
  }

  /** The member loses its leader, or its connections. */
  breakStreams(): void {
    for (const { out } of this.streams) out.end();
  }
}

function inRange(key: Uint8Array, from: Uint8Array, to: Uint8Array): boolean {
  return Buffer.compare(key, from) >= 0 && Buffer.compare(key, to) < 0;
}

function byKey(a: KeyValue, b: KeyValue): number {
  return Buffer.compare(a.key, b.key);
}
