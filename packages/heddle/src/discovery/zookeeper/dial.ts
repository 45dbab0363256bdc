/**
 * A byte stream to one ZooKeeper server, over TCP or TLS. The only file of this folder that touches sockets: the
 * protocol above takes a `Dial`, so that its tests need none.
 */
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { parseAddress } from "../../call/address.ts";
import type { RegistryTls } from "../registry-client.ts";

/** Opens a stream to `host:port`. What happens comes to the listener, never synchronously; `closed` comes once and last. */
export type Dial = (host: string, listener: WireListener) => Wire;

export interface Wire {
  write(bytes: Uint8Array): void;
  /** Ends it now. No more calls to the listener. */
  destroy(): void;
}

export interface WireListener {
  opened(): void;
  received(bytes: Uint8Array): void;
  closed(error: Error | undefined): void;
}

/** Certificates are checked for the host's name, or for `tls.serverName`. */
export function createDial(tls: RegistryTls | undefined): Dial {
  return (host, listener) => {
    const socket = open(host, tls);
    let failure: Error | undefined;
    socket.setNoDelay(true);
    socket.once(tls === undefined ? "connect" : "secureConnect", () => listener.opened());
    socket.on("data", (bytes) => listener.received(bytes));
    socket.on("error", (error) => {
      failure = error;
    });
    socket.once("close", () => listener.closed(failure));
    return {
      write: (bytes) => {
        socket.write(bytes);
      },
      destroy: () => {
        socket.removeAllListeners("close").removeAllListeners("data");
        socket.destroy();
      },
    };
  };
}

function open(text: string, tls: RegistryTls | undefined): Socket {
  const address = parseAddress(text);
  if (typeof address === "string" || address.kind !== "tcp") throw new Error(`${text} is not host:port`);
  const { host, port } = address;
  if (tls === undefined) return connectTcp({ host, port });
  const serverName = tls.serverName ?? (isIP(host) === 0 ? host : undefined);
  return connectTls({
    host,
    port,
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
  });
}
