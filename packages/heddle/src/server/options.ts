/**
 * Settings of a server. Every one has a default that is safe in production.
 */
import type { Interceptor } from "@connectrpc/connect";
import type { HeddleError } from "../call/errors.ts";
import type { ServerTlsOptions } from "../connection/tls.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Traces } from "../telemetry/traces.ts";
import type { RecentCalls } from "../telemetry/recent-calls.ts";
import type { EncodingName } from "../wire/compression.ts";
import type { Http2Limits } from "../wire/http2/limits.ts";
import type { AdmissionOptions } from "../resilience/admission.ts";
import type { BulkheadRule } from "./bulkhead-rule.ts";
import type { CorsOptions } from "./cors.ts";
import type { HealthOptions } from "./health-options.ts";
import type { Http1Limits } from "./http1-limits.ts";
import type { HttpPage } from "./http-page.ts";
import type { IdempotencyOptions } from "./idempotency/once.ts";
import type { Implementation } from "./implement.ts";
import type { ServerConnectionOptions } from "./connection-options.ts";
import type { OpenApiOptions } from "./openapi-pages.ts";
import type { RestOptions } from "./rest-routes.ts";
import type { ValidateOptions } from "./validation.ts";

export interface ServerOptions extends ServerConnectionOptions {
  /** What is served: results of `implement`. */
  readonly services: readonly Implementation[];
  /** `host:port`, `[ipv6]:port`, `unix:/path` or `memory:name`; port 0 lets the system choose. Default `127.0.0.1:0`. */
  readonly listen?: string;
  /** Largest request message, in bytes. Default 4 MiB, as in gRPC. */
  readonly maxReceiveMessageBytes?: number;
  /** Largest answer message, in bytes. Default: no limit but protobuf's 2 GiB. */
  readonly maxSendMessageBytes?: number;
  /**
   * Compression of answers for callers that understand it: `gzip`, `br`, `zstd`, `deflate`, or several of them, of which
   * a caller gets the first that it likes best. Default none.
   */
  readonly sendCompression?: EncodingName | readonly EncodingName[];
  /** Messages smaller than this are not compressed, in bytes. Default 1024. */
  readonly compressMinBytes?: number;
  /** Lets web pages of other origins call (gRPC-Web and Connect). Default: none may. */
  readonly cors?: CorsOptions;
  /**
   * REST, on the same port: methods that have an annotation `google.api.http` are called by it; `conventions` gives the
   * others a path as well; `false` for none. Default: those with an annotation.
   */
  readonly rest?: RestOptions | false;
  /**
   * Answers `GET /openapi.json`, an OpenAPI 3.1 document of what REST has here, and `GET /docs`, the same as a page: `true`, or
   * what the document is to say beside the contract. Default: neither; in `mesh.serve` as
   * `reflection` is, for both tell what is served.
   */
  readonly openapi?: OpenApiOptions | boolean;
  /** Refuse Connect requests that do not say which version of the protocol they speak. Default false. */
  readonly requireConnectProtocolVersion?: boolean;
  /** What a plain GET gets, for tools that speak HTTP and no protocol of ours. Default: nothing, which is 404. */
  readonly pages?: readonly HttpPage[];
  /**
   * How it answers for its health: gRPC's health protocol, pages for probes, checks of its own; false for neither
   * service nor pages. A service or page that is given under the same name takes the place of ours. Default: both.
   */
  readonly health?: HealthOptions | false;
  /**
   * Serves gRPC's reflection, `grpc.reflection.v1` and `v1alpha`, by which grpcurl, `buf curl` and Postman learn what is
   * served: they need no contract then, and neither does anybody else who may call. Default false; in
   * `mesh.serve` it is true with `HEDDLE_REFLECTION=on` in the environment.
   */
  readonly reflection?: boolean;
  /**
   * Tells callers by gRPC how busy this server is in a trailer of each answer (ORCA, gRFC A51), for clients of other makes
   * that balance by it. Heddle's own clients learn it without. Default false.
   */
  readonly orca?: boolean;
  /** Connect interceptors, the first one outermost. */
  readonly interceptors?: readonly Interceptor[];
  /** Names of request metadata that travel on in the calls a handler makes. Default `baggage` and `tracestate`. */
  readonly propagate?: readonly string[];
  /**
   * Certificate and key; with `ca`, client certificates (mTLS). The same port then speaks TLS, with HTTP/2 and
   * HTTP/1.1 by ALPN, and no plain text. Default: plain text.
   */
  readonly tls?: ServerTlsOptions;
  /**
   * Lets several processes listen at the same port, each with this option; the system shares connections out among
   * them. Linux, FreeBSD and AIX; TCP only. Default false.
   */
  readonly reusePort?: boolean;
  /** Connections that may be open at once; more are closed as they come. Default 20 000. */
  readonly maxConnections?: number;
  /**
   * Connections that may be in the middle of TLS or have not sent their first bytes. When there are more, the oldest
   * goes if it has taken over a second, else the new one. Default 1 000.
   */
  readonly maxHandshakes?: number;
  /** Time for TLS and first bytes, and then again for the settings of HTTP/2, in ms. Default 10 000. */
  readonly handshakeTimeoutMs?: number;
  /**
   * Checks requests against the rules of their contract (`buf.validate`, protovalidate) before interceptors and handlers, in
   * streams message by message; one that breaks a rule is refused with HDL-2314. `{ answers: true }` checks answers too,
   * for tests; `false` checks nothing. Default: requests. Rules need the package `@bufbuild/protovalidate`.
   */
  readonly validate?: ValidateOptions | false;
  /**
   * When calls are refused because there are too many, the least critical first, and when because they cannot be done
   * in the time they have left; `false` for never. Default: `sheddable` calls when work has waited over 20 ms for
   * a tenth of a second without a pause, `critical` ones over 200 ms for a second. See docs/guides/overload.md.
   */
  readonly admission?: AdmissionOptions | false;
  /**
   * Calls that may run at a time, by method or service; further ones are refused with HDL-2414 and go to another instance,
   * so that one slow method does not take the whole process: `[{ names: [{ service: "shop.v1.Reports" }], maxConcurrent: 8 }]`.
   * Of the rules that name a method the most exact one holds. Default: none.
   */
  readonly bulkheads?: readonly BulkheadRule[];
  /**
   * Where answers of calls with an idempotency key are kept, so that a repeated call does not run again. A key stands in
   * the field that the contract marks, or in the metadata `idempotency-key` of any unary call. Default: nowhere; a
   * service whose contract has keys is refused then. See docs/guides/idempotency.md.
   */
  readonly idempotency?: IdempotencyOptions;
  /** Limits of HTTP/2 against a peer that misbehaves. */
  readonly http2?: Partial<Http2Limits>;
  /** Limits of HTTP/1.1 against a peer that misbehaves. */
  readonly http1?: Partial<Http1Limits>;
  /**
   * A handler threw something that is not a `ConnectError`, and the caller sees only that the handler failed (HDL-3001); or
   * an error that its contract does not declare (HDL-3004, told once of each kind), which the caller gets as it is.
   * Default: one line with the stack on standard error.
   */
  readonly onHandlerError?: (error: unknown, call: { readonly method: string }) => void;
  /** A peer broke the protocol or a limit, and its connection was closed. Default: nothing. */
  readonly onPeerError?: (error: HeddleError) => void;
  /** Where its calls are counted; in `mesh.serve` the mesh's own. Default: nowhere. */
  readonly metrics?: Metrics;
  /** Where spans of its calls go; in `mesh.serve` to the mesh's own. Default: nowhere. */
  readonly traces?: Traces;
  /** Where calls that failed, were slow or are samples are kept; in `mesh.serve` the mesh's own. Default: nowhere. */
  readonly recent?: RecentCalls;
  /** Time, timers and randomness. Default: the process's. */
  readonly runtime?: Runtime;
}
