/**
 * A server of a mesh: one that listens, with its entry in the registry. Both come and go together.
 */
import type { Registration } from "./discovery/registrar.ts";
import type { Server } from "./server/server.ts";

export interface MeshServer extends AsyncDisposable {
  /** Where it listens, with the real port. */
  readonly address: string;
  /** Resolves when the registry has this instance. Calls to it may work before. Rejects when the registry refuses it. */
  readonly registered: Promise<void>;
  /** Deregisters, lets running calls finish within `drainMs`, closes. */
  close(options?: { readonly drainMs?: number }): Promise<void>;
}

/** What a server needs of its mesh. */
interface ServerOwner {
  readonly drainMs: number;
  readonly endsProcess: () => boolean;
  readonly onClose: (server: RegisteredServer) => void;
}

/** A server and its entry in the registry. */
export class RegisteredServer implements MeshServer {
  readonly registered: Promise<void>;
  readonly #server: Server;
  readonly #registration: Registration | undefined;
  readonly #owner: ServerOwner;

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
  }

  get address(): string {
    return this.#server.address;
  }

  /** Deregistering first: callers learn from the registry and from GOAWAY, whichever is faster, and lose nothing. */
  async close({ drainMs = this.#owner.drainMs }: { readonly drainMs?: number } = {}): Promise<void> {
    await this.#registration?.[Symbol.asyncDispose]();
    await this.#server.close({ drainMs });
    this.#owner.onClose(this);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
