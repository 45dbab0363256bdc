/**
 * TLS on both sides: the settings that users give, checked when they are given, and the contexts made of them.
 *
 * There is no switch to turn verification off: a client that accepts any certificate is as open as one without TLS,
 * and looks safe. An authority of one's own is `ca`; another name than the dialled one is `serverName`.
 *
 * Nothing of a key or certificate ever stands in an error: OpenSSL's reasons name what is wrong, not the content.
 */
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { connect, createSecureContext, type SecureContext, type TLSSocket } from "node:tls";
import { oneOf } from "../call/check-option.ts";
import { HeddleError, reasonText } from "../call/errors.ts";

/** PEM text, or the bytes of it. */
export type Pem = string | Uint8Array;

/** What a server shows, and whom it lets in. */
export interface ServerTlsOptions {
  /** The server's certificate, followed by the intermediate ones, PEM. */
  readonly cert: Pem;
  /** Its private key, PEM. */
  readonly key: Pem;
  /** Authorities whose client certificates are accepted, PEM. Only these: the system's are not asked. */
  readonly ca?: Pem | readonly Pem[];
  /**
   * Whether clients must show a certificate of one of `ca`: `require`, `request` (one that is shown must be valid)
   * or `none`. Default: `require` when `ca` is given, else `none`.
   */
  readonly clientCertificate?: "none" | "request" | "require";
  /** Oldest version that is spoken. Default `TLSv1.2`. */
  readonly minVersion?: TlsVersion;
  /**
   * Serves plain text on the same port too. Default false: a client without TLS is told that the port wants it.
   * For moving a running system to TLS, in the time when not all clients have it.
   */
  readonly allowPlaintext?: boolean;
}

/** Whom a client trusts, and what it shows. */
export interface ClientTlsOptions {
  /** Authorities that may sign the server's certificate, PEM. Default: those that come with Node. */
  readonly ca?: Pem | readonly Pem[];
  /** The client's own certificate, for servers that require one, PEM; together with `key`. */
  readonly cert?: Pem;
  readonly key?: Pem;
  /** Name that the server's certificate must be for, and that is sent to the server (SNI). Default: the host that is dialled. */
  readonly serverName?: string;
  /** Oldest version that is spoken. Default `TLSv1.2`. */
  readonly minVersion?: TlsVersion;
}

export type TlsVersion = "TLSv1.2" | "TLSv1.3";

/** What older versions have is broken (RFC 8996). */
export const DEFAULT_MIN_VERSION: TlsVersion = "TLSv1.2";

/** The protocols that are offered, the best first. */
export const ALPN_PROTOCOLS: readonly string[] = ["h2", "http/1.1"];

/** What the handshake agreed on: a protocol of `ALPN_PROTOCOLS`, or nothing where the peer names none. */
export type Alpn = "h2" | "http/1.1" | undefined;

export function alpnOf(socket: TLSSocket): Alpn {
  const { alpnProtocol } = socket;
  return alpnProtocol === "h2" || alpnProtocol === "http/1.1" ? alpnProtocol : undefined;
}

/** The client's side of TLS, ready to be used for many connections. */
export interface ClientTls {
  /** Starts the handshake on a connected stream; `host` is the one that was dialled. */
  connect(socket: Duplex, host: string, offered?: readonly string[]): TLSSocket;
  /** The name that a server at `host` must prove. */
  nameOf(host: string): string;
}

/** Throws `optionInvalid` for PEM that cannot be read, for a key that is not the certificate's, and for half a pair. */
export function createClientTls(options: ClientTlsOptions | true): ClientTls {
  if (options !== true && typeof options !== "object")
    throw invalid("it is true, false, or an object with ca, cert and key");
  const { ca, cert, key, serverName, minVersion } = options === true ? {} : options;
  if ((cert === undefined) !== (key === undefined))
    throw invalid("cert and key go together: one of the two is missing");
  if (serverName !== undefined && !/^[\w.:-]+$/.test(serverName))
    throw invalid("serverName is not a host name");
  const secureContext = toContext({ ca, cert, key, minVersion });
  const nameOf = (host: string) => serverName ?? host;
  return {
    nameOf,
    connect(socket, dialled, offered = ALPN_PROTOCOLS) {
      const host = nameOf(dialled);
      return connect({
        socket,
        host,
        // An address is checked against the certificate, but is no name that could be asked for.
        ...(isIP(host) === 0 ? { servername: host } : {}),
        secureContext,
        ALPNProtocols: [...offered],
        rejectUnauthorized: true,
      });
    },
  };
}

/** Throws `optionInvalid` as `createClientTls` does. */
export function createServerContext({ ca, cert, key, minVersion }: ServerTlsOptions): SecureContext {
  if (cert === undefined || key === undefined) throw invalid("a server needs cert and key");
  return toContext({ ca, cert, key, minVersion });
}

/** Whether clients are asked for a certificate. Throws `optionInvalid` when nobody could have signed it. */
export function clientCertificateMode({
  ca,
  clientCertificate,
}: ServerTlsOptions): "none" | "request" | "require" {
  const mode = clientCertificate ?? (ca === undefined ? "none" : "require");
  oneOf("tls.clientCertificate", mode, ["none", "request", "require"]);
  if (mode !== "none" && ca === undefined)
    throw invalid("clientCertificate needs ca, the authorities that may sign the certificates of clients");
  return mode;
}

/** The catalogue error for a handshake that failed, seen from the client. */
export function toTlsError(error: unknown, address: string, expected: string): HeddleError {
  const { code = "" } = error as NodeJS.ErrnoException;
  const reason = reasonText(error);
  const options = { cause: error };
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return new HeddleError("certificateName", { address, expected, reason }, options);
  if (UNTRUSTED.test(code)) return new HeddleError("certificateUntrusted", { address, reason }, options);
  if (PLAIN_TEXT.has(code)) return new HeddleError("plainTextPort", { address }, options);
  return new HeddleError("tlsFailed", { address, reason }, options);
}

/** X.509 verification errors. Source: https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const UNTRUSTED =
  /^(?:UNABLE_TO_(?:GET|VERIFY|DECRYPT|DECODE)|CERT_|CRL_|DEPTH_ZERO|SELF_SIGNED|ERROR_IN_CERT|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH)/;

/** How OpenSSL says that the answer was no TLS record. */
const PLAIN_TEXT: ReadonlySet<string> = new Set([
  "ERR_SSL_WRONG_VERSION_NUMBER",
  "ERR_SSL_PACKET_LENGTH_TOO_LONG",
  "ERR_SSL_HTTP_REQUEST",
  "ERR_SSL_UNKNOWN_PROTOCOL",
]);

interface Material {
  readonly ca: Pem | readonly Pem[] | undefined;
  readonly cert: Pem | undefined;
  readonly key: Pem | undefined;
  readonly minVersion: TlsVersion | undefined;
}

function toContext({ ca, cert, key, minVersion = DEFAULT_MIN_VERSION }: Material): SecureContext {
  if (minVersion !== "TLSv1.2" && minVersion !== "TLSv1.3") throw invalid("minVersion is TLSv1.2 or TLSv1.3");
  try {
    return createSecureContext({
      minVersion,
      ...(ca === undefined ? {} : { ca: list(ca).map((pem) => toPem("ca", pem, "CERTIFICATE")) }),
      ...(cert === undefined ? {} : { cert: toPem("cert", cert, "CERTIFICATE") }),
      ...(key === undefined ? {} : { key: toPem("key", key, "PRIVATE KEY") }),
    });
  } catch (error) {
    throw invalid(reasonText(error));
  }
}

function list(ca: Pem | readonly Pem[]): readonly Pem[] {
  if (typeof ca === "string" || ca instanceof Uint8Array) return [ca];
  if (ca.length === 0) throw new Error("ca holds no certificate");
  return ca;
}

/**
 * Throws for text in which nothing of the kind stands, such as an empty file: OpenSSL takes it as nothing said, and
 * for an empty `ca` of a server the authorities that come with Node would do.
 */
function toPem(option: string, pem: Pem, kind: "CERTIFICATE" | "PRIVATE KEY"): string | Buffer {
  const text = typeof pem === "string" ? pem : Buffer.from(pem.buffer, pem.byteOffset, pem.byteLength);
  if (!text.includes(`${kind}-----`)) throw new Error(`${option} holds no ${kind.toLowerCase()} in PEM`);
  return text;
}

function invalid(reason: string): HeddleError {
  return new HeddleError("optionInvalid", { option: "tls", reason });
}
