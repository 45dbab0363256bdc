/**
 * A server of a mesh: one that listens, with its entry in the registry. Both come and go together, and what the server
 * says of its health stands in the registry too.
 *
 * The way out is a chain, and each step is taken when the one before has been heard of: it says that it is not ready, it
 * deregisters, callers are given a moment to hear of that, and only then connections are told to end. Until that last
 * step every call is served as before, so a caller that is late loses nothing. One deadline holds for all of it.
 */
import type { Registration } from "./discovery/registrar.ts";
import type { Runtime } from "./runtime/runtime.ts";
import type { DrainReport, Server } from "./server/server.ts";
import type { ServerHealth } from "./server/server-health.ts";

export interface DrainOptions {
  /** From the first step to the last, in ms: calls that still run then are cut. Default: the mesh's `drainMs`. */
  readonly drainMs?: number;
  /** How long callers get to hear of it, in ms; at most half of `drainMs`. Default: the mesh's `drainGraceMs`. */
  readonly drainGraceMs?: number;
}

export interface MeshServer extends AsyncDisposable {
  /** Where it listens, with the real port. */
  readonly address: string;
  /** Resolves when the registry has this instance. Calls to it may work before. Rejects when the registry refuses it. */
  readonly registered: Promise<void>;
  /** Whether it wants calls. What is set here, probes, watchers and the registry hear. */
  readonly health: ServerHealth;
  /**
   * Goes away without failing a call: not ready, deregisters, waits until callers may have heard, tells connections to end
   * (GOAWAY), lets running calls finish within `drainMs`, closes.
   */
  close(options?: DrainOptions): Promise<DrainReport>;
}

/** What a server needs of its mesh. */
interface ServerOwner {
  readonly runtime: Runtime;
  readonly drainMs: number;
  /** Undefined: a moment, if somebody is connected. */
  readonly drainGraceMs: number | undefined;
  readonly endsProcess: () => boolean;
  readonly onClose: (server: RegisteredServer) => void;
  /** Calls were cut. */
  readonly onCut: (sentence: string) => void;
}

/** Longer than a registry takes to tell its watchers, shorter than anybody waits for. */
const DEFAULT_GRACE_MS = 100;

/** A server and its entry in the registry. */
export class RegisteredServer implements MeshServer {
  readonly registered: Promise<void>;
  readonly #server: Server;
  readonly #registration: Registration | undefined;
  readonly #owner: ServerOwner;
  readonly #following: Disposable;
  #closing: Promise<DrainReport> | undefined;

  constructor(server: Server, registration: Registration | undefined, owner: ServerOwner) {
    this.#server = server;
    this.#registration = registration;
    this.#owner = owner;
    this.registered = (registration?.registered ?? Promise.resolve()).catch((error: unknown) => {
      // A program that still waits for it must not fail while a signal ends it.
      if (!owner.endsProcess()) throw error;
      return new Promise<never>(() => {});
    });
    this.registered.catch(() => {});
    this.#following = server.health.onChange(() => this.#tellRegistry());
    this.#tellRegistry();
  }

  get address(): string {
    return this.#server.address;
  }

  get health(): ServerHealth {
    return this.#server.health;
  }

  close(options: DrainOptions = {}): Promise<DrainReport> {
    this.#closing ??= this.#close(options);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close({
    drainMs = this.#owner.drainMs,
    drainGraceMs = this.#owner.drainGraceMs,
  }: DrainOptions): Promise<DrainReport> {
    const { clock } = this.#owner.runtime;
    const startedAtMs = clock.now();
    const left = () => Math.max(0, startedAtMs + drainMs - clock.now());

    this.#following[Symbol.dispose]();
    this.#server.health.drain();
    const deregistered = this.#registration?.[Symbol.asyncDispose]();
    if (deregistered !== undefined) {
      await this.#within(left(), deregistered);
      const graceMs = drainGraceMs ?? (this.#server.connections > 0 ? DEFAULT_GRACE_MS : 0);
      if (graceMs > 0) await this.#within(Math.min(graceMs, drainMs / 2, left()));
    }
    const { cut } = await this.#server.close({ drainMs: left() });
    await deregistered;
    if (cut.length > 0) this.#owner.onCut(sentenceOf(cut, drainMs, this.address));
    this.#owner.onClose(this);
    return { cut, elapsedMs: clock.now() - startedAtMs };
  }

  #tellRegistry(): void {
    const health = this.#server.health.status() === "serving" ? "unknown" : "unhealthy";
    this.#registration?.update({ health });
  }

  /** Waits for so long, or until the promise has settled. */
  async #within(ms: number, promise?: Promise<void>): Promise<void> {
    const over = Promise.withResolvers<void>();
    const timer = this.#owner.runtime.timers.after(ms, over.resolve);
    timer.keepAlive(true);
    await (promise === undefined ? over.promise : Promise.race([promise, over.promise]));
    timer.cancel();
  }
}

function sentenceOf(cut: readonly string[], drainMs: number, address: string): string {
  const counts = new Map<string, number>();
  for (const method of cut) counts.set(method, (counts.get(method) ?? 0) + 1);
  const methods = [...counts].map(([method, count]) => (count === 1 ? method : `${count} × ${method}`));
  const calls = cut.length === 1 ? "1 call" : `${cut.length} calls`;
  return `${address} stopped with ${calls} unfinished after ${drainMs} ms of draining, which were cut: ${methods.join(", ")}`;
}
