/**
 * One connection to one server: greets it, sends requests and matches the answers, which come in the order of the
 * requests, and hears watch events. It dies of the first thing that goes wrong; whoever wants another opens another
 * (`session.ts`).
 *
 * A server that is frozen, or a network that swallows packets, closes nothing. So the connection watches time itself:
 * it sends a ping each third of the session's timeout, and after two thirds without a word it is given up, which
 * leaves the last third for another server to keep the session alive. A request without an answer for the whole
 * timeout ends it too, for a server can answer pings and be stuck all the same.
 */
import type { Clock } from "../../runtime/clock.ts";
import type { Timer, Timers } from "../../runtime/timer.ts";
import type { Dial, Wire } from "./dial.ts";
import { JuteReader } from "./jute.ts";
import { parentOf } from "./node-path.ts";
import { createPacketSplitter } from "./packet-splitter.ts";
import {
  authPacket,
  type ConnectReply,
  type ConnectRequest,
  connectPacket,
  pingPacket,
  type Request,
  readConnectReply,
  readReplyHead,
  readWatchEvent,
  type WatchEvent,
  XID,
} from "./protocol.ts";
import { ZookeeperConnectionError, ZookeeperError } from "./zookeeper-error.ts";

export interface Connection {
  readonly host: string;
  readonly sessionId: bigint;
  /** As the server decided it. */
  readonly timeoutMs: number;
  /** When the server said something last, by the monotonic clock. */
  readonly heardAtMs: number;
  /** Rejects with `ZookeeperError` for the server's refusals, with `ZookeeperConnectionError` when the connection ends before. */
  request<Reply>(request: Request<Reply>): Promise<Reply>;
  /** Aborts when the connection has ended, with the error as its reason. */
  readonly ended: AbortSignal;
  /** Adds a listener for watch events of a path and of its children. The server must be asked for them. */
  onEvent(path: string, listener: (event: WatchEvent) => void): Disposable;
  /** Told of each answer to a ping. */
  onPong(listener: () => void): Disposable;
  close(): void;
}

export interface ConnectionOptions {
  readonly host: string;
  readonly dial: Dial;
  readonly clock: Clock;
  readonly timers: Timers;
  /** How long dialling and greeting may take together, in ms. */
  readonly connectTimeoutMs: number;
  readonly greeting: ConnectRequest;
  /** Sent after the greeting. */
  readonly auth: { readonly scheme: string; readonly credentials: Uint8Array } | undefined;
  /** Told of the last transaction seen. */
  readonly onZxid: (zxid: bigint) => void;
  /** Ends it, greeted or not. */
  readonly signal: AbortSignal;
}

/** The server knows the session no more: the greeting is to be made again for a new one. */
export class SessionExpired extends Error {
  override readonly name = "SessionExpired";
}

export interface Greeted {
  readonly connection: Connection;
  readonly reply: ConnectReply;
}

/** Rejects with `SessionExpired`, or with `ZookeeperConnectionError` when the server can't be had. */
export function openConnection(options: ConnectionOptions): Promise<Greeted> {
  const { host, clock, timers, connectTimeoutMs, greeting, auth, onZxid, signal } = options;
  const greeted = Promise.withResolvers<Greeted>();
  const end = new AbortController();
  const waiting: Waiting[] = [];
  const eventListeners = new Map<string, Set<(event: WatchEvent) => void>>();
  const pongListeners = new Set<() => void>();
  const splitter = createPacketSplitter(MAX_PACKET_BYTES);
  let session: ConnectReply | undefined;
  let wire: Wire | undefined;
  let nextXid = 1;
  let heardAtMs = clock.now();
  let pingedAtMs = Number.NEGATIVE_INFINITY;
  let upkeep: Timer | undefined = timers.after(connectTimeoutMs, () =>
    fail(new ZookeeperConnectionError(`${host} did not answer within ${Math.round(connectTimeoutMs)} ms`)),
  );

  function fail(error: Error): void {
    if (end.signal.aborted) return;
    upkeep?.cancel();
    signal.removeEventListener("abort", stop);
    wire?.destroy();
    end.abort(error);
    greeted.reject(error);
    for (const { reject } of waiting.splice(0)) reject(error);
    eventListeners.clear();
    pongListeners.clear();
  }

  const stop = () => fail(new ZookeeperConnectionError(CLOSED));

  function receive(bytes: Uint8Array): void {
    heardAtMs = clock.now();
    try {
      splitter.push(bytes, (packet) => {
        if (end.signal.aborted) return;
        if (session === undefined) greet(packet);
        else take(packet);
      });
    } catch (error) {
      fail(new ZookeeperConnectionError(`${host}: ${(error as Error).message}`, { cause: error }));
    }
  }

  function greet(packet: Buffer): void {
    const reply = readConnectReply(packet);
    if (reply.timeoutMs <= 0 || reply.sessionId === 0n) {
      fail(new SessionExpired(`the session had ended when ${host} was reached`));
      return;
    }
    session = reply;
    if (auth !== undefined) wire?.write(authPacket(auth.scheme, auth.credentials));
    upkeep?.cancel();
    armUpkeep(reply.timeoutMs / 3);
    greeted.resolve({ connection, reply });
  }

  function take(packet: Buffer): void {
    const reader = new JuteReader(packet);
    const { xid, zxid, error } = readReplyHead(reader);
    if (xid === XID.notification) return tellEvent(readWatchEvent(reader));
    if (zxid > 0n) onZxid(zxid);
    if (xid === XID.ping) {
      for (const listener of pongListeners) listener();
    } else if (xid === XID.auth) {
      if (error !== 0) fail(new ZookeeperError(error, "the user and password"));
    } else {
      const first = waiting.shift();
      if (first === undefined || first.xid !== xid)
        return fail(new ZookeeperConnectionError(`${host} answered request ${xid} out of turn`));
      first.settle(error, reader);
    }
  }

  function tellEvent(event: WatchEvent): void {
    const { path } = event;
    for (const one of new Set([path, parentOf(path)]))
      for (const listener of eventListeners.get(one) ?? []) listener(event);
  }

  function armUpkeep(afterMs: number): void {
    upkeep = timers.after(afterMs, keepUp);
  }

  function keepUp(): void {
    const { timeoutMs } = session as ConnectReply;
    if (overdue(timeoutMs) !== undefined) {
      // What has already arrived is read before the next turn: a process that was busy must not blame the server.
      upkeep = timers.after(1, () => {
        const error = overdue(timeoutMs);
        if (error === undefined) armUpkeep(timeoutMs / 6);
        else fail(error);
      });
      return;
    }
    if (clock.now() - pingedAtMs >= timeoutMs / 3 - TIMER_SLACK_MS) {
      pingedAtMs = clock.now();
      wire?.write(pingPacket());
    }
    armUpkeep(timeoutMs / 6);
  }

  function overdue(timeoutMs: number): Error | undefined {
    const silentMs = clock.now() - heardAtMs;
    if (silentMs >= (timeoutMs * 2) / 3 - TIMER_SLACK_MS)
      return new ZookeeperConnectionError(`${host} was silent for ${Math.round(silentMs)} ms`);
    const oldest = waiting[0];
    if (oldest !== undefined && clock.now() - oldest.sentAt >= timeoutMs)
      return new ZookeeperConnectionError(`${host} did not answer ${oldest.what} within ${timeoutMs} ms`);
    return undefined;
  }

  const connection: Connection = {
    host,
    get sessionId() {
      return session?.sessionId ?? 0n;
    },
    get timeoutMs() {
      return session?.timeoutMs ?? 0;
    },
    get heardAtMs() {
      return heardAtMs;
    },
    ended: end.signal,
    request(request) {
      if (end.signal.aborted) return Promise.reject(end.signal.reason as Error);
      const xid = nextXid;
      nextXid = nextXid === MAX_XID ? 1 : nextXid + 1;
      const { promise, resolve, reject } = Promise.withResolvers<ReturnType<typeof request.decode>>();
      waiting.push({
        xid,
        what: request.what,
        sentAt: clock.now(),
        reject,
        settle(error, reader) {
          if (error !== 0) return reject(new ZookeeperError(error, request.what));
          try {
            resolve(request.decode(reader));
          } catch (failure) {
            reject(failure);
            if (!(failure instanceof ZookeeperError)) throw failure;
          }
        },
      });
      wire?.write(request.encode(xid));
      return promise;
    },
    onEvent(path, listener) {
      const listeners = eventListeners.get(path) ?? new Set();
      eventListeners.set(path, listeners.add(listener));
      return {
        [Symbol.dispose]: () => {
          listeners.delete(listener);
          if (listeners.size === 0) eventListeners.delete(path);
        },
      };
    },
    onPong(listener) {
      pongListeners.add(listener);
      return { [Symbol.dispose]: () => void pongListeners.delete(listener) };
    },
    close: stop,
  };

  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) {
    stop();
    return greeted.promise;
  }
  try {
    wire = options.dial(host, {
      opened: () => wire?.write(connectPacket(greeting)),
      received: receive,
      closed: (cause) =>
        fail(
          new ZookeeperConnectionError(
            `${host}: ${cause === undefined ? "the server closed the connection" : cause.message}`,
            { cause },
          ),
        ),
    });
  } catch (error) {
    fail(new ZookeeperConnectionError(`${host}: ${(error as Error).message}`, { cause: error }));
  }
  return greeted.promise;
}

interface Waiting {
  readonly xid: number;
  readonly what: string;
  readonly sentAt: number;
  readonly reject: (error: Error) => void;
  readonly settle: (error: number, reader: JuteReader) => void;
}

/** Above what a server sends when its own limit (`jute.maxbuffer`) is raised for long lists of children. */
const MAX_PACKET_BYTES = 64 * 1024 * 1024;
const CLOSED = "the connection was closed by this side";
const MAX_XID = 2 ** 31 - 1;
/** Timers of the process may fire so much early. */
const TIMER_SLACK_MS = 1;
