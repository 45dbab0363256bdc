/**
 * etcd v3 as far as a registry and a small store need it: keys, transactions, leases, watches. A thin layer over the
 * generated clients; what it adds is what every caller would have to: a deadline of its own for each call, the login,
 * another try where that can't do harm, lists in pages of one revision, and watches that share one stream.
 *
 * Writes are not repeated: a write without an answer may have been done, and only its writer knows how to find out
 * (`ifRevision`).
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type CallOptions, Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import type { KeyValue } from "../../gen/etcd/kv_pb.ts";
import {
  Auth,
  KV,
  Lease,
  type LeaseGrantResponse,
  type LeaseKeepAliveRequestSchema,
  type LeaseKeepAliveResponse,
  type PutRequestSchema,
  type RangeRequestSchema,
  type RangeResponse,
  type TxnRequestSchema,
  type TxnResponse,
  Watch,
} from "../../gen/etcd/rpc_pb.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { pauseBeforeRetry } from "../waiting/pause.ts";
import { isCompacted, isStaleLogin, isTransient } from "./etcd-error.ts";
import { keyAfter, prefixRange } from "./etcd-keys.ts";
import { createEtcdLogin } from "./etcd-login.ts";
import { createWatchHub, type EtcdWatchNews, type EtcdWatchOptions } from "./watch-hub.ts";

export interface EtcdClient extends Disposable {
  /** Tried up to three times. */
  range(request: MessageInitShape<typeof RangeRequestSchema>, signal?: AbortSignal): Promise<RangeResponse>;
  /** All that begins with `prefix`, as of one revision, in pages. */
  list(prefix: string, signal?: AbortSignal): Promise<EtcdList>;
  /** Tried once: without an answer it may have been done. */
  put(request: MessageInitShape<typeof PutRequestSchema>, signal?: AbortSignal): Promise<bigint>;
  /** Tried once: without an answer it may have been done. */
  txn(request: MessageInitShape<typeof TxnRequestSchema>, signal?: AbortSignal): Promise<TxnResponse>;
  /** A lease of about so long, in whole seconds rounded up; etcd may grant more. Tried up to three times: one that got lost runs out. */
  grantLease(ttlMs: number, signal?: AbortSignal): Promise<LeaseGrantResponse>;
  /** Ends a lease, and every key on it. Rejects with NOT_FOUND when it is gone already. */
  revokeLease(id: bigint, signal?: AbortSignal): Promise<void>;
  /** A stream on which each request renews a lease. It has no deadline of its own. */
  keepAlive(
    requests: AsyncIterable<MessageInitShape<typeof LeaseKeepAliveRequestSchema>>,
    signal: AbortSignal,
  ): AsyncIterable<LeaseKeepAliveResponse>;
  /**
   * What happens to keys, from a revision on. Never ends by itself; throws `Compacted` when the cursor is too old, and a
   * `ConnectError` when the stream is lost or silent, the watcher too slow, or refused.
   */
  watch(options: EtcdWatchOptions): AsyncIterable<EtcdWatchNews>;
  /** Ends what runs. Doesn't close the transport. */
  [Symbol.dispose](): void;
}

export interface EtcdList {
  readonly kvs: readonly KeyValue[];
  /** All of it is as it was then: a watch goes on from the next. */
  readonly revision: bigint;
}

export interface EtcdClientOptions {
  /** To one or several members of one cluster. */
  readonly transport: Transport;
  readonly runtime: Runtime;
  /** Default: none, and calls carry no token. */
  readonly username?: string;
  readonly password?: string;
  /** For each try of each call, in ms. Default 2 000. */
  readonly timeoutMs?: number;
  /** Keys that are asked for at a time. Default 1 000. */
  readonly pageSize?: number;
}

export function createEtcdClient(options: EtcdClientOptions): EtcdClient {
  const { transport, runtime, username = "", password = "", timeoutMs = 2_000, pageSize = 1_000 } = options;
  const kv = createClient(KV, transport);
  const lease = createClient(Lease, transport);
  const watch = createClient(Watch, transport);
  const login = createEtcdLogin({ client: createClient(Auth, transport), username, password, timeoutMs });
  const hub = createWatchHub({ client: watch, login, runtime });
  const closing = new AbortController();

  /** One call with a fresh login if the old one was refused, and up to `tries` times if nothing came back. */
  async function call<T>(
    run: (options: CallOptions) => Promise<T>,
    signal: AbortSignal = closing.signal,
    tries: number = 1,
  ): Promise<T> {
    let loggedInAgain = false;
    for (let attempt = 0; ; ) {
      let headers: Record<string, string> | undefined;
      try {
        headers = await login.headers();
        return await run({ headers, timeoutMs, signal });
      } catch (error) {
        if (signal.aborted) throw error;
        if (headers !== undefined && login.hasUser && !loggedInAgain && isStaleLogin(error)) {
          loggedInAgain = true;
          login.forget(headers);
          continue;
        }
        if (++attempt >= tries || !isTransient(error)) throw error;
      }
      await pauseBeforeRetry(attempt - 1, signal, runtime);
    }
  }

  async function listOnce(prefix: string, signal: AbortSignal | undefined): Promise<EtcdList> {
    const { key: first, rangeEnd } = prefixRange(prefix);
    const kvs: KeyValue[] = [];
    for (let key = first, revision = 0n, bytes = 0; ; ) {
      const request = { key, rangeEnd, revision, limit: BigInt(pageSize) };
      const page = await call((callOptions) => kv.range(request, callOptions), signal, TRIES);
      if (revision === 0n) revision = page.header?.revision ?? 0n;
      for (const kv of page.kvs) {
        kvs.push(kv);
        bytes += kv.key.length + kv.value.length;
      }
      if (bytes > MAX_LIST_BYTES)
        throw new ConnectError(
          `more than ${MAX_LIST_BYTES} bytes stand under ${prefix}`,
          Code.FailedPrecondition,
        );
      const last = page.kvs.at(-1);
      if (!page.more || last === undefined) return { kvs, revision };
      if (Buffer.compare(last.key, key) < 0)
        throw new ConnectError("etcd gives the same page again", Code.DataLoss);
      key = keyAfter(last.key);
    }
  }

  return {
    range: (request, signal) => call((callOptions) => kv.range(request, callOptions), signal, TRIES),
    async list(prefix, signal) {
      for (let attempt = 1; ; attempt++) {
        try {
          return await listOnce(prefix, signal);
        } catch (error) {
          // The revision was compacted between two pages.
          if (attempt >= TRIES || !isCompacted(error)) throw error;
        }
      }
    },
    async put(request, signal) {
      const { header } = await call((callOptions) => kv.put(request, callOptions), signal);
      return header?.revision ?? 0n;
    },
    txn: (request, signal) => call((callOptions) => kv.txn(request, callOptions), signal),
    grantLease: (ttlMs, signal) =>
      call(
        (callOptions) => lease.leaseGrant({ TTL: BigInt(Math.ceil(ttlMs / 1000)) }, callOptions),
        signal,
        TRIES,
      ),
    async revokeLease(id, signal) {
      await call((callOptions) => lease.leaseRevoke({ ID: id }, callOptions), signal);
    },
    async *keepAlive(requests, signal) {
      const headers = await login.headers();
      try {
        yield* lease.leaseKeepAlive(requests, { headers, signal, timeoutMs: 0 });
      } catch (error) {
        if (isStaleLogin(error)) login.forget(headers);
        throw error;
      }
    },
    watch: (watchOptions) => hub.watch(watchOptions),
    [Symbol.dispose]() {
      closing.abort();
      hub[Symbol.dispose]();
    },
  };
}

const TRIES = 3;
/** Of keys and values in one list: instances by the hundred thousand have a tenth of it. */
const MAX_LIST_BYTES = 512 * 1024 * 1024;
