/**
 * All watchers of a process on one stream, so that etcd has one stream and one heartbeat to serve for it, however many
 * names it follows. The stream asks for a progress report every 1.5 s; when nothing at all has been heard for 4 s it is
 * given up, whatever its connection looks like, and every watcher on it ends: who still wants to watch begins anew, on a
 * new stream and by the transport's choice with another member.
 *
 * A watcher that isn't read as fast as its keys change ends too, rather than to grow without limit or to skip something.
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type Client } from "@connectrpc/connect";
import type { Event } from "../../gen/etcd/kv_pb.ts";
import {
  type Watch,
  type WatchRequest,
  WatchRequestSchema,
  type WatchResponse,
} from "../../gen/etcd/rpc_pb.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { createSendQueue, type SendQueue } from "../waiting/send-queue.ts";
import { Compacted, isStaleLogin, isStaleLoginText } from "./etcd-error.ts";
import type { KeyRange } from "./etcd-keys.ts";
import type { EtcdLogin } from "./etcd-login.ts";
import { Watcher } from "./watcher.ts";

export interface EtcdWatchOptions extends KeyRange {
  /** The first revision that is wanted: that of a list, plus one. */
  readonly startRevision: bigint;
  readonly signal: AbortSignal;
}

export type EtcdWatchNews =
  /** What happened up to a revision, in order; a revision is never split. */
  | { readonly kind: "events"; readonly events: readonly Event[]; readonly revision: bigint }
  /** The member is there, and nothing happened. */
  | { readonly kind: "alive" };

export interface WatchHub extends Disposable {
  watch(options: EtcdWatchOptions): AsyncIterable<EtcdWatchNews>;
}

export interface WatchHubOptions {
  readonly client: Client<typeof Watch>;
  readonly login: EtcdLogin;
  readonly runtime: Pick<Runtime, "clock" | "timers">;
}

export function createWatchHub(options: WatchHubOptions): WatchHub {
  /** Where new watchers go. Older ones may still be busy with watchers of their own. */
  let current: WatchStream | undefined;
  const streams = new Set<WatchStream>();

  function streamForNext(): WatchStream {
    if (current?.isOpen) return current;
    const stream = new WatchStream(options, () => {
      streams.delete(stream);
      if (current === stream) current = undefined;
    });
    streams.add(stream);
    current = stream;
    return stream;
  }

  return {
    async *watch({ signal, ...range }) {
      signal.throwIfAborted();
      const stream = streamForNext();
      const watcher = stream.add(range);
      const stop = () => watcher.fail(new ConnectError("the watch was stopped", Code.Canceled));
      signal.addEventListener("abort", stop, { once: true });
      try {
        for (;;) yield await watcher.next();
      } finally {
        signal.removeEventListener("abort", stop);
        stream.remove(watcher);
      }
    },
    [Symbol.dispose]() {
      for (const stream of streams) stream.close(new ConnectError("the client was closed", Code.Canceled));
    },
  };
}

const HEARTBEAT_MS = 1_500;
const SILENCE_MS = 4_000;

/** One stream to one member, from its first watcher to its last, or until it is lost. */
class WatchStream {
  readonly #options: WatchHubOptions;
  readonly #onClose: () => void;
  readonly #requests: SendQueue<WatchRequest> = createSendQueue();
  readonly #controller = new AbortController();
  readonly #watchers = new Map<bigint, Watcher>();
  /** Asked for and not answered yet; etcd answers in the order in which it was asked. */
  readonly #creating: Watcher[] = [];
  readonly #openedAtMs: number;
  readonly #heartbeat;
  #heardAtMs: number;
  #lastId = 0n;
  #takesMore = true;

  constructor(options: WatchHubOptions, onClose: () => void) {
    this.#options = options;
    this.#onClose = onClose;
    const { clock, timers } = options.runtime;
    this.#openedAtMs = clock.now();
    this.#heardAtMs = this.#openedAtMs;
    this.#heartbeat = timers.every(HEARTBEAT_MS, () => this.#beat());
    this.#read().catch((error: unknown) => this.close(error));
  }

  /** Whether another watcher may be put on it. */
  get isOpen(): boolean {
    return this.#takesMore && !this.#controller.signal.aborted;
  }

  add(range: KeyRange & { readonly startRevision: bigint }): Watcher {
    const watcher = new Watcher(++this.#lastId, range.startRevision);
    this.#watchers.set(watcher.id, watcher);
    this.#creating.push(watcher);
    // From the revision before, whose events the watcher drops: etcd answers no progress request on a stream that has a
    // watcher of the future, and a store in which nothing happens would look dead.
    const value = { ...range, startRevision: range.startRevision - 1n, watchId: watcher.id, fragment: true };
    this.#send({ case: "createRequest", value });
    return watcher;
  }

  remove(watcher: Watcher): void {
    if (!this.#watchers.delete(watcher.id)) return;
    if (this.#watchers.size > 0) this.#send({ case: "cancelRequest", value: { watchId: watcher.id } });
    else this.close(new ConnectError("nobody watches any more", Code.Canceled));
  }

  close(error: unknown): void {
    if (this.#controller.signal.aborted) return;
    this.#controller.abort();
    this.#heartbeat.cancel();
    this.#requests.end();
    for (const watcher of this.#watchers.values()) watcher.fail(error);
    this.#watchers.clear();
    this.#onClose();
  }

  #send(requestUnion: NonNullable<MessageInitShape<typeof WatchRequestSchema>["requestUnion"]>): void {
    this.#requests.push(create(WatchRequestSchema, { requestUnion }));
  }

  #beat(): void {
    if (this.#options.runtime.clock.now() - this.#heardAtMs > SILENCE_MS)
      this.close(new ConnectError(`etcd said nothing for ${SILENCE_MS} ms`, Code.Unavailable));
    else this.#send({ case: "progressRequest", value: {} });
  }

  async #read(): Promise<never> {
    const { client, login, runtime } = this.#options;
    const headers = await login.headers();
    try {
      const { signal } = this.#controller;
      for await (const response of client.watch(this.#requests, { headers, signal, timeoutMs: 0 })) {
        this.#heardAtMs = runtime.clock.now();
        this.#dispatch(response);
      }
    } catch (error) {
      if (isStaleLogin(error)) login.forget(headers);
      throw error;
    }
    throw new ConnectError("etcd ended the watch", Code.Unavailable);
  }

  #dispatch(response: WatchResponse): void {
    const { created, canceled, watchId } = response;
    // A refused watcher may be answered without its id.
    const watcher = created ? this.#creating.shift() : this.#watchers.get(watchId);
    if (watcher === undefined) {
      if (watchId < 0n) for (const one of this.#watchers.values()) one.alive();
      return;
    }
    if (canceled) {
      this.#watchers.delete(watcher.id);
      watcher.fail(this.#reason(response));
      if (this.#watchers.size === 0) this.close(new ConnectError("nobody watches any more", Code.Canceled));
    } else if (created) watcher.alive();
    else if (watcher.take(response) === "overflow") {
      this.#send({ case: "cancelRequest", value: { watchId: watcher.id } });
      this.#watchers.delete(watcher.id);
    }
  }

  #reason({ compactRevision, cancelReason, created }: WatchResponse): Error {
    if (compactRevision > 0n) return new Compacted(compactRevision);
    const { login, runtime } = this.#options;
    if (!/permission denied/.test(cancelReason) && !isStaleLoginText(cancelReason))
      return new ConnectError(
        `etcd ended the watch: ${cancelReason || "it gave no reason"}`,
        Code.Unavailable,
      );
    // Rights are those of the login that the stream was opened with, which may have run out since.
    const mayBeStale = login.hasUser && runtime.clock.now() - this.#openedAtMs > TRUSTED_LOGIN_MS;
    this.#takesMore = false;
    return mayBeStale || !created
      ? new ConnectError(`the login of the watch stream is too old: ${cancelReason}`, Code.Unavailable)
      : new ConnectError(cancelReason, Code.PermissionDenied);
  }
}

/** A refusal on a stream that is younger than this is meant. */
const TRUSTED_LOGIN_MS = 10_000;
