/**
 * TLS for sockets that somebody else has accepted: a TLS server of Node's that never listens, so that it brings its
 * session tickets and its checks of client certificates, and leaves who may come to `Handshakes`.
 */
import type { Duplex } from "node:stream";
import { createServer, type Server, type TLSSocket } from "node:tls";
import { reasonText } from "../call/errors.ts";
import {
  ALPN_PROTOCOLS,
  clientCertificateMode,
  createServerContext,
  DEFAULT_MIN_VERSION,
  type ServerTlsOptions,
} from "../connection/tls.ts";

export interface TlsGate {
  /** Takes sockets by its event `connection`. */
  readonly server: Server;
  readonly allowPlaintext: boolean;
}

/** `onResult` is called once for every socket that is given to the gate: with undefined, or with what failed. */
export function createTlsGate(
  options: ServerTlsOptions,
  onResult: (secure: TLSSocket, failure: unknown) => void,
): TlsGate {
  const mode = clientCertificateMode(options);
  // Checks the settings, and says in our words what is wrong with them.
  createServerContext(options);
  const { cert, key, ca, minVersion = DEFAULT_MIN_VERSION, allowPlaintext = false } = options;
  const server = createServer({
    cert: cert as Buffer,
    key: key as Buffer,
    ...(ca === undefined ? {} : { ca: ca as Buffer[] }),
    minVersion,
    requestCert: mode !== "none",
    rejectUnauthorized: mode === "require",
    // A client that asks for the oldest is served too; what it sends then says so.
    ALPNProtocols: [...ALPN_PROTOCOLS, "http/1.0"],
  });
  server.on("secureConnection", (secure) => {
    const shown = mode === "request" && secure.getPeerX509Certificate() !== undefined;
    onResult(secure, shown && !secure.authorized ? secure.authorizationError : undefined);
  });
  server.on("tlsClientError", (error, secure) => {
    const { authorizationError } = secure;
    onResult(secure, authorizationError ? new Error(reasonText(authorizationError)) : error);
  });
  return { server, allowPlaintext };
}

/**
 * The stream below a TLS socket. Node has no public word for it; were its private ones to go, no handshake would be
 * found and every TLS connection would be closed, which the tests would notice.
 */
export function rawOf(secure: TLSSocket): Duplex | undefined {
  const { _parent: socket, ssl } = secure as unknown as NodeTlsSocket;
  return socket ?? ssl?._parentWrap?.stream;
}

interface NodeTlsSocket {
  readonly _parent?: Duplex;
  /** Gone when the TLS socket is destroyed. */
  readonly ssl: { readonly _parentWrap?: { readonly stream?: Duplex } } | null;
}
