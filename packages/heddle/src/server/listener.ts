/**
 * Listens at an address and hands on byte streams: TCP, Unix socket or in-process.
 */
import { createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { formatAddress, parseAddress } from "../call/address.ts";
import { HeddleError, reasonText } from "../call/errors.ts";
import { closeInMemory, listenInMemory } from "../connection/memory.ts";

export interface Listener {
  /** Where it really listens: port 0 has become a port. */
  readonly address: string;
  /** No new connections from now on. */
  close(): Promise<void>;
}

export interface ListenOptions {
  /** Other processes may listen at the same port with this option, and the system shares connections out. TCP only. */
  readonly reusePort?: boolean;
}

/** `host:port` (port 0: the system chooses), `[ipv6]:port`, `unix:/path` or `memory:name`. Throws `listenFailed`. */
export async function listen(
  address: string,
  { reusePort = false }: ListenOptions,
  onConnection: (socket: Duplex) => void,
): Promise<Listener> {
  const wantsAnyPort = address.endsWith(":0");
  const parsed = parseAddress(wantsAnyPort ? address.replace(/:0$/, ":1") : address);
  if (typeof parsed === "string") throw new HeddleError("listenFailed", { address, reason: parsed });
  if (reusePort && parsed.kind !== "tcp")
    throw new HeddleError("listenFailed", { address, reason: "reusePort is for ports" });
  if (parsed.kind === "memory") {
    if (!listenInMemory(parsed.name, onConnection))
      throw new HeddleError("listenFailed", { address, reason: "the name is taken in this process" });
    return { address, close: async () => closeInMemory(parsed.name) };
  }
  const server = createServer({ noDelay: true }, (socket: Socket) => onConnection(socket));
  const where =
    parsed.kind === "unix"
      ? { path: parsed.path }
      : { host: parsed.host, port: wantsAnyPort ? 0 : parsed.port, reusePort };
  await new Promise<void>((resolve, reject) => {
    // Stays for good: an accept that fails later (no file descriptor left) must not end the process.
    server.on("error", (error) =>
      reject(new HeddleError("listenFailed", { address, reason: reasonText(error) }, { cause: error })),
    );
    server.listen({ ...where, backlog: BACKLOG }, resolve);
  });
  return {
    address: parsed.kind === "unix" ? address : actualAddress(server, parsed.host),
    close: () => closeServer(server),
  };
}

/** Connections that the system may hold until they are accepted: when an instance starts, all callers come at once. */
const BACKLOG = 4096;

function actualAddress(server: Server, host: string): string {
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : 0;
  return formatAddress({ kind: "tcp", host, port });
}

async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  // Its callback waits for connections to end; ours are ended by the sessions.
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
}
