/**
 * One session with an ensemble, shared by all targets and registrations of a process: its ephemeral nodes live as long
 * as it does. Connections come and go beneath it (`connection.ts`); the session greets the next server with the same
 * id and password, so that nobody sees the change.
 *
 * Being disconnected is not being expired. Only the ensemble ends a session, and tells it at the next greeting. But a
 * process that has heard nothing for the whole timeout must take its nodes for gone, by its own monotonic clock: then
 * the lease ends. The greeting that follows still offers the old id, since an ensemble that was down as a whole keeps
 * its sessions, and what was registered is then found again instead of being written again by everybody at once.
 */
import type { Runtime } from "../../runtime/runtime.ts";
import type { Timer } from "../../runtime/timer.ts";
import { aborted } from "../waiting/aborted.ts";
import { pauseBeforeRetry, SHORT_LIFE_MS } from "../waiting/pause.ts";
import { type Connection, openConnection, SessionExpired } from "./connection.ts";
import type { Dial } from "./dial.ts";
import { closeSession } from "./protocol.ts";
import { ZookeeperConnectionError } from "./zookeeper-error.ts";

export interface Session extends AsyncDisposable {
  /**
   * The connection, or the next one. Rejects with what went wrong when no host could be reached in a whole round, and
   * when `signal` aborts. The first call makes the session.
   */
  attach(signal: AbortSignal): Promise<Attached>;
  /** Ends the session, and with it its nodes. Takes half a second at most. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface Attached {
  readonly connection: Connection;
  /** Aborts when ephemeral nodes that were made under it must be taken for gone. Outlives connections. */
  readonly lease: AbortSignal;
}

export interface SessionOptions {
  /** `host:port` each. Tried in an order of chance, so that clients spread. */
  readonly hosts: readonly string[];
  readonly dial: Dial;
  readonly runtime: Pick<Runtime, "clock" | "timers" | "random">;
  /** What is asked for; the server decides, between 2 and 20 of its ticks. */
  readonly timeoutMs: number;
  readonly auth: { readonly scheme: string; readonly credentials: Uint8Array } | undefined;
}

export function createSession(options: SessionOptions): Session {
  const { dial, runtime, timeoutMs, auth } = options;
  const { clock, timers, random } = runtime;
  const hosts = shuffled(options.hosts, random);
  const end = new AbortController();
  const waiting = new Set<PromiseWithResolvers<Attached>>();
  let running: Promise<void> | undefined;
  let attached: Attached | undefined;
  let lease: AbortController | undefined;
  let expiry: Timer | undefined;
  let nextHost = 0;
  let id = 0n;
  let password: Uint8Array = new Uint8Array(16);
  let agreedMs = timeoutMs;
  let lastZxid = 0n;

  function settleWaiting(settle: (one: PromiseWithResolvers<Attached>) => void): void {
    const all = [...waiting];
    waiting.clear();
    for (const one of all) settle(one);
  }

  function loseLease(error: Error): void {
    expiry?.cancel();
    // A new or restored ensemble may count from the beginning.
    lastZxid = 0n;
    const lost = lease;
    lease = undefined;
    lost?.abort(error);
  }

  async function greet(host: string, failures: number): Promise<Connection> {
    const firstMs = Math.min(3_000, Math.max(250, agreedMs / 3 / hosts.length));
    const { connection, reply } = await openConnection({
      host,
      dial,
      clock,
      timers,
      connectTimeoutMs: Math.min(MAX_CONNECT_MS, firstMs * 2 ** failures),
      greeting: { lastZxid, timeoutMs, sessionId: id, password },
      auth,
      onZxid: (zxid) => {
        if (zxid > lastZxid) lastZxid = zxid;
      },
      signal: end.signal,
    });
    id = reply.sessionId;
    password = reply.password;
    agreedMs = reply.timeoutMs;
    return connection;
  }

  /** Tries each host once. Rejects with what the last of them said. */
  async function reachOne(failures: number): Promise<Connection> {
    let error: Error = new ZookeeperConnectionError(CLOSED);
    for (let tried = 0; tried < hosts.length && !end.signal.aborted; ) {
      const host = hosts[nextHost % hosts.length] as string;
      try {
        return await greet(host, failures);
      } catch (failure) {
        error = failure as Error;
        if (failure instanceof SessionExpired && id !== 0n) {
          id = 0n;
          password = new Uint8Array(16);
          loseLease(failure);
          continue;
        }
        nextHost++;
        tried++;
      }
    }
    throw error;
  }

  async function run(): Promise<void> {
    for (let failures = 0; !end.signal.aborted; ) {
      const startedAtMs = clock.now();
      try {
        const connection = await reachOne(failures);
        await serve(connection);
        nextHost++;
        if (clock.now() - startedAtMs < SHORT_LIFE_MS) failures++;
        else failures = 0;
      } catch (error) {
        settleWaiting(({ reject }) => reject(error));
        failures++;
      }
      // Also after a long life: a server that stops sends all its clients to the others, and not in the same instant.
      await pauseBeforeRetry(Math.max(0, failures - 1), end.signal, runtime);
    }
    settleWaiting(({ reject }) => reject(new ZookeeperConnectionError(CLOSED)));
  }

  /** Lends the connection out until it ends. */
  async function serve(connection: Connection): Promise<void> {
    expiry?.cancel();
    lease ??= new AbortController();
    const served: Attached = { connection, lease: lease.signal };
    attached = served;
    settleWaiting(({ resolve }) => resolve(served));
    await aborted(connection.ended);
    attached = undefined;
    const expire = () =>
      loseLease(
        new ZookeeperConnectionError(
          `no server was heard for the session's ${connection.timeoutMs} ms: it may have expired`,
          { cause: connection.ended.reason },
        ),
      );
    const leftMs = connection.heardAtMs + connection.timeoutMs - clock.now();
    if (leftMs > 0) expiry = timers.after(leftMs, expire);
    else expire();
  }

  return {
    async attach(signal) {
      signal.throwIfAborted();
      if (attached !== undefined && !attached.connection.ended.aborted) return attached;
      if (end.signal.aborted) throw new ZookeeperConnectionError(CLOSED);
      const one = Promise.withResolvers<Attached>();
      const stop = () => one.reject(signal.reason);
      waiting.add(one);
      signal.addEventListener("abort", stop, { once: true });
      running ??= run();
      try {
        return await one.promise;
      } finally {
        waiting.delete(one);
        signal.removeEventListener("abort", stop);
      }
    },
    async [Symbol.asyncDispose]() {
      const connection = attached?.connection;
      if (connection !== undefined && !end.signal.aborted) {
        const late = Promise.withResolvers<void>();
        const timer = timers.after(CLOSE_MS, late.resolve);
        await Promise.race([connection.request(closeSession()).catch(() => {}), late.promise]);
        timer.cancel();
      }
      end.abort();
      expiry?.cancel();
      loseLease(new ZookeeperConnectionError(CLOSED));
      await running;
    },
  };
}

const CLOSED = "the registry client was closed";
const MAX_CONNECT_MS = 5_000;
const CLOSE_MS = 500;

function shuffled(hosts: readonly string[], random: Runtime["random"]): readonly string[] {
  const order = [...hosts];
  for (let last = order.length - 1; last > 0; last--) {
    const other = random.below(last + 1);
    [order[last], order[other]] = [order[other] as string, order[last] as string];
  }
  return order;
}
