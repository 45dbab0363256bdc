/**
 * The two ends of a call as the suite sees them. Whatever implementation stands behind, a caller is a Connect
 * `Transport`, and a callee runs the one EchoService.
 */
import type { Transport } from "@connectrpc/connect";
import type { Certificate } from "../certificates.ts";
import type { EchoImplementation } from "../echo-service.ts";

export interface LinkSettings {
  /** Largest message either side accepts. Absent: the default of the implementation. */
  readonly maxMessageBytes?: number;
  /** Largest request that the server alone accepts. */
  readonly maxRequestBytes?: number;
  /** Largest answer that the client alone accepts. */
  readonly maxAnswerBytes?: number;
  /** Compress what both ends send. Absent: nothing. */
  readonly compression?: Compression;
  /** Over TLS. Absent: plain text. */
  readonly tls?: LinkTls;
}

export interface LinkTls {
  /** The authority that both ends trust, PEM. */
  readonly ca: string;
  readonly server: Certificate;
  /** What the caller shows, and then must: mutual TLS. */
  readonly client?: Certificate;
}

export type Compression = "gzip" | "br" | "zstd" | "deflate";

export interface Callee extends AsyncDisposable {
  /** `host:port`, or what Heddle's clients take in its place. */
  readonly address: string;
}

export interface Caller extends Disposable {
  readonly transport: Transport;
}

export type StartCallee = (echo: EchoImplementation, settings: LinkSettings) => Promise<Callee>;
export type StartCaller = (address: string, settings: LinkSettings) => Caller;
