/**
 * One lease for all that a process registers: etcd then has one thing to renew for it, and one to take away. It is
 * renewed every third of its time on one stream.
 *
 * Whether it still lives is decided by our own monotonic clock: an answer makes it last from the moment when the
 * question was sent, and when that time has passed without another answer it is lost, whatever the connection looks
 * like and whatever etcd will say once it is back.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import { reasonText } from "../../call/errors.ts";
import { backoffMs } from "../../resilience/backoff.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { createBell } from "../waiting/bell.ts";
import { openLiveStream } from "../waiting/live-stream.ts";
import { registryBackoff } from "../waiting/pause.ts";
import { createSendQueue } from "../waiting/send-queue.ts";
import type { EtcdClient } from "./etcd-client.ts";

export interface LeaseKeeper {
  /** The lease that is held; a new one when there is none. Callers at a time get the same. */
  acquire(): Promise<HeldLease>;
  /** Renews the lease no longer, without ending it: who is on it needs another one, and what is left on it runs out. */
  abandon(reason: string): void;
  /** Ends the lease, and so every key on it. May reject: it runs out by itself. */
  revoke(signal?: AbortSignal): Promise<void>;
}

export interface HeldLease {
  readonly id: bigint;
  /** As etcd granted it, in ms. */
  readonly ttlMs: number;
  /** Aborts, with the reason, when the lease is lost, revoked or abandoned. */
  readonly ended: AbortSignal;
  /** Renews it no longer, without ending it: another one takes its place. */
  abandon(reason: string): void;
}

export interface LeaseKeeperOptions {
  readonly client: Pick<EtcdClient, "grantLease" | "keepAlive" | "revokeLease">;
  readonly runtime: Runtime;
  /** As etcd is asked for it, see `EtcdClient.grantLease`. */
  readonly ttlMs: number;
}

export function createLeaseKeeper(options: LeaseKeeperOptions): LeaseKeeper {
  const { client, runtime, ttlMs } = options;
  let current: Promise<HeldLease> | undefined;

  /** The current lease is current no longer. */
  async function drop(reason: string): Promise<HeldLease | undefined> {
    const dropped = current;
    current = undefined;
    const lease = await dropped;
    lease?.abandon(reason);
    return lease;
  }

  async function grant(): Promise<HeldLease> {
    const askedAtMs = runtime.clock.now();
    const { ID, TTL } = await client.grantLease(ttlMs);
    // A lease of no time would have to be renewed without a pause.
    if (TTL <= 0n) throw new ConnectError(`etcd granted a lease of ${TTL} s`, Code.Internal);
    const lease = new RenewedLease(options, ID, Number(TTL) * 1000, askedAtMs);
    return lease;
  }

  return {
    acquire() {
      if (current === undefined) {
        const granting = grant();
        current = granting;
        const forget = () => {
          if (current === granting) current = undefined;
        };
        granting.then(({ ended }) => {
          if (ended.aborted) forget();
          else ended.addEventListener("abort", forget, { once: true });
        }, forget);
      }
      return current;
    },
    abandon(reason) {
      drop(reason).catch(() => {});
    },
    async revoke(signal) {
      const lease = await drop("it was revoked");
      if (lease !== undefined) await client.revokeLease(lease.id, signal);
    },
  };
}

class RenewedLease implements HeldLease {
  readonly id: bigint;
  readonly ttlMs: number;
  readonly #options: LeaseKeeperOptions;
  readonly #controller = new AbortController();
  #expiresAtMs: number;
  #lastError = "etcd did not answer";

  constructor(options: LeaseKeeperOptions, id: bigint, ttlMs: number, askedAtMs: number) {
    this.id = id;
    this.ttlMs = ttlMs;
    this.#options = options;
    this.#expiresAtMs = askedAtMs + ttlMs;
    void this.#keep();
  }

  get ended(): AbortSignal {
    return this.#controller.signal;
  }

  abandon(reason: string): void {
    this.#controller.abort(new Error(`the lease is no longer held: ${reason}`));
  }

  get #leftMs(): number {
    return this.#expiresAtMs - this.#options.runtime.clock.now();
  }

  /** How long etcd may take to answer: no longer than the lease lasts, but a process that has slept asks once more. */
  get #answerMs(): number {
    const leftMs = this.#leftMs;
    return leftMs > 0 ? Math.min(MAX_ANSWER_MS, this.ttlMs / 4, leftMs) : MIN_ANSWER_MS;
  }

  async #keep(): Promise<void> {
    const { random, timers } = this.#options.runtime;
    using bell = createBell(this.ended, timers);
    await bell.wait(this.ttlMs / 3);
    for (let failures = 0; !this.ended.aborted; failures++) {
      const renewedUntilMs = this.#expiresAtMs;
      try {
        await this.#renewOnOneStream((ms) => bell.wait(ms));
      } catch (error) {
        this.#lastError = reasonText(error);
      }
      if (this.#expiresAtMs > renewedUntilMs) failures = 0;
      const pauseMs = backoffMs(failures, registryBackoff, random);
      if (this.#leftMs > pauseMs) await bell.wait(pauseMs);
      else if (!this.ended.aborted) {
        await bell.wait(Math.max(0, this.#leftMs));
        this.abandon(`it was not renewed within ${this.ttlMs} ms (${this.#lastError})`);
      }
    }
  }

  /** Ends by throwing, or when the lease has ended. */
  async #renewOnOneStream(wait: (ms: number) => Promise<void>): Promise<void> {
    const { client, runtime } = this.#options;
    const requests = createSendQueue<{ ID: bigint }>();
    const stream = openLiveStream((signal) => client.keepAlive(requests, signal), runtime.timers);
    this.ended.addEventListener("abort", stream.close, { once: true });
    try {
      while (!this.ended.aborted) {
        const sentAtMs = runtime.clock.now();
        requests.push({ ID: this.id });
        const { TTL } = await stream.next(this.#answerMs);
        if (TTL <= 0n) return this.abandon("etcd has let it run out");
        this.#expiresAtMs = sentAtMs + this.ttlMs;
        await wait(this.ttlMs / 3);
      }
    } finally {
      this.ended.removeEventListener("abort", stream.close);
      requests.end();
      stream.close();
    }
  }
}

/** After this another stream, perhaps to another member, is tried. */
const MAX_ANSWER_MS = 2_000;
const MIN_ANSWER_MS = 250;
