/**
 * Who is at the other end of a connection: what TLS has proved, for whoever has to decide about the caller later.
 * Read when somebody asks, so that a connection costs no certificate parsing.
 */
import type { X509Certificate } from "node:crypto";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";

export class Peer {
  readonly #socket: Duplex;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  /** `host:port` as the system sees it; `local` for Unix sockets and connections inside the process. */
  get address(): string {
    const { remoteAddress, remotePort } = this.#socket instanceof Socket ? this.#socket : {};
    return remoteAddress === undefined ? "local" : `${remoteAddress}:${remotePort}`;
  }

  /** The connection is encrypted. */
  get secure(): boolean {
    return this.#socket instanceof TLSSocket;
  }

  /** The client's certificate, verified against `tls.ca`; undefined when it has shown none. */
  get certificate(): X509Certificate | undefined {
    return this.#socket instanceof TLSSocket && this.#socket.authorized
      ? this.#socket.getPeerX509Certificate()
      : undefined;
  }
}
