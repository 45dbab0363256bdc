/**
 * A server: listens, serves implementations, and goes away without failing a call.
 *
 * Usable without a mesh; `mesh.serve` adds registration. Closing means: no new connections, tell clients to go
 * elsewhere (GOAWAY), let running calls finish within `drainMs`, then close.
 */
import type { Interceptor } from "@connectrpc/connect";
import type { Duplex } from "node:stream";
import { atLeast, oneOf } from "../call/check-option.ts";
import { HeddleError } from "../call/errors.ts";
import { tell } from "../call/tell.ts";
import { linkLayers } from "../call/layer.ts";
import { DEFAULT_MAX_RECEIVE_BYTES, DEFAULT_MAX_SEND_BYTES } from "../call/message-limits.ts";
import { dropSocket } from "../connection/drop-socket.ts";
import type { Traffic } from "../connection/traffic.ts";
import type { ServerTlsOptions } from "../connection/tls.ts";
import { createEventLoopUtilization } from "../runtime/event-loop-utilization.ts";
import { type Runtime, systemRuntime } from "../runtime/runtime.ts";
import { instruments } from "../telemetry/instruments.ts";
import type { Metrics, Observations } from "../telemetry/metrics.ts";
import type { Traces } from "../telemetry/traces.ts";
import type { RecentCalls } from "../telemetry/recent-calls.ts";
import { acceptedEncodings, DEFAULT_COMPRESS_MIN_BYTES, type EncodingName } from "../wire/compression.ts";
import type { Http2Limits } from "../wire/http2/limits.ts";
import type { AdmissionOptions } from "../resilience/admission.ts";
import { type BulkheadRule, checkBulkheads } from "./bulkhead-rule.ts";
import type { ServerCall } from "./call.ts";
import { type CorsOptions, createCorsPolicy } from "./cors.ts";
import { createGate } from "./gate.ts";
import { Handshakes } from "./handshakes.ts";
import { type HealthOptions, resolveHealthOptions } from "./health-options.ts";
import { type Http1Limits, resolveHttp1Limits } from "./http1-limits.ts";
import { Http1Server } from "./http1-server.ts";
import type { HttpPage } from "./http-page.ts";
import { createOnce, type IdempotencyOptions } from "./idempotency/once.ts";
import type { Implementation } from "./implement.ts";
import type { ServerParts } from "./layer.ts";
import { type Listener, listen } from "./listener.ts";
import { createLoadReporter } from "./load-reporter.ts";
import {
  resolveServerUpkeep,
  type ServerConnectionOptions,
  type ServerUpkeepRules,
} from "./connection-options.ts";
import { type OpenApiOptions, openApiPages } from "./openapi-pages.ts";
import { createOrcaTrailer } from "./orca.ts";
import { createReflectionService, type ReflectionService } from "./reflection-service.ts";
import { createRestRoutes, type RestOptions } from "./rest-routes.ts";
import { ServerMetrics } from "./server-metrics.ts";
import { ServerTraces } from "./server-traces.ts";
import { createRouter } from "./router.ts";
import { RunningHealth, type ServerHealth } from "./server-health.ts";
import { ServerSession } from "./session.ts";
import { serverStack } from "./stack.ts";
import { openValidation, type ValidateOptions, type Validation } from "./validation.ts";
import { openWebSockets, type WebSockets } from "./web-sockets.ts";

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

export interface Server extends AsyncDisposable {
  /** Where it listens, with the real port. */
  readonly address: string;
  /** Full names of the services it answers, but for those that tell of its health and contracts. */
  readonly services: readonly string[];
  /** Whether it wants calls, and what it tells of that. */
  readonly health: ServerHealth;
  /** Connections that are open. */
  readonly connections: number;
  /** Connections that were closed because of `maxConnections` or `maxHandshakes`. */
  readonly refusedConnections: number;
  /**
   * Other certificates for connections to come; those that stand keep theirs. Also turns TLS on for a server that
   * listens without. Throws HDL-1002 for what cannot be used, and goes on with what it had.
   */
  setTls(tls: ServerTlsOptions): void;
  /**
   * Goes away gracefully: says that it wants no more calls, stops listening, tells clients to go elsewhere (GOAWAY), lets
   * running calls finish, closes. Calls that still run after `drainMs` (default 10 000) are cut. Disposal does the same.
   */
  close(options?: { readonly drainMs?: number }): Promise<DrainReport>;
}

/** How a server went away. */
export interface DrainReport {
  /** Methods of the calls that were cut because they took too long; one entry for each call. */
  readonly cut: readonly string[];
  /** From the first step to the last, in ms. */
  readonly elapsedMs: number;
}

export async function createServer(options: ServerOptions): Promise<Server> {
  const validation = await openValidation(options.services, options.validate);
  const webSockets = await openWebSockets(options.services, options.rest ?? {});
  const server = new RunningServer(options, validation, webSockets);
  await server.listen(options.listen ?? "127.0.0.1:0", options.reusePort ?? false);
  return server;
}

class RunningServer implements Server {
  readonly services: readonly string[];
  readonly health: RunningHealth;
  readonly #options: ServerOptions;
  readonly #runtime: Runtime;
  readonly #parts: ServerParts;
  readonly #start: (call: ServerCall) => void;
  readonly #maxConnections: number;
  readonly #handshakeTimeoutMs: number;
  readonly #upkeep: ServerUpkeepRules;
  readonly #handshakes: Handshakes;
  readonly #sessions = new Set<ServerSession>();
  readonly #http1: Http1Server;
  readonly #reflection: ReflectionService | undefined;
  readonly #traffic: Traffic = { sent: 0, received: 0 };
  readonly #observed: { dispose(nowMs: number): void } | undefined;
  #refused = 0;
  #listener: Listener | undefined;
  #closing: Promise<DrainReport> | undefined;
  #onIdle: (() => void) | undefined;

  constructor(
    options: ServerOptions,
    validation: Validation | undefined,
    webSockets: WebSockets | undefined,
  ) {
    this.#options = options;
    this.#runtime = options.runtime ?? systemRuntime;
    this.services = options.services.map(({ service }) => service.typeName);
    this.health = new RunningHealth(this.services, resolveHealthOptions(options.health));
    const isNotGiven = ({ service }: Implementation) => !this.services.includes(service.typeName);
    const served = [...options.services, ...this.health.implementations.filter(isNotGiven)];
    if (options.reflection === true)
      this.#reflection = createReflectionService(served.map(({ service }) => service));
    const counts = options.metrics === undefined ? undefined : new ServerMetrics(options.metrics);
    const router = createRouter(
      [...served, ...(this.#reflection?.implementations.filter(isNotGiven) ?? [])],
      createOnce(options.idempotency, this.#runtime.timers),
      validation,
      counts,
    );
    const onHandlerError = options.onHandlerError ?? reportHandlerError;
    const load = createLoadReporter(createEventLoopUtilization());
    const rest = options.rest === false ? undefined : createRestRoutes(options.services, options.rest ?? {});
    const pages = [...this.health.pages, ...openApiPages(rest?.router.bindings ?? [], options.openapi)];
    this.#parts = {
      ...this.#runtime,
      router,
      rest,
      load,
      orcaTrailer: options.orca === true ? createOrcaTrailer(load) : undefined,
      gate: createGate(options.admission, {
        ...this.#runtime,
        inFlight: () => load.meter.requestsInFlight,
        onDelay: counts && ((delayMs) => counts.queueDelay.record(delayMs / 1000)),
      }),
      bulkheads: checkBulkheads(options.bulkheads ?? []),
      interceptors: options.interceptors ?? [],
      maxReceiveBytes: atLeast(
        "maxReceiveMessageBytes",
        options.maxReceiveMessageBytes ?? DEFAULT_MAX_RECEIVE_BYTES,
        0,
      ),
      maxSendBytes: atLeast("maxSendMessageBytes", options.maxSendMessageBytes ?? DEFAULT_MAX_SEND_BYTES, 0),
      propagate: new Set((options.propagate ?? ["baggage", "tracestate"]).map((name) => name.toLowerCase())),
      sendEncodings: [options.sendCompression ?? []]
        .flat()
        .map((name) => oneOf("sendCompression", name, acceptedEncodings)),
      compressMinBytes: atLeast(
        "compressMinBytes",
        options.compressMinBytes ?? DEFAULT_COMPRESS_MIN_BYTES,
        0,
      ),
      requireConnectProtocolVersion: options.requireConnectProtocolVersion ?? false,
      cors: options.cors === undefined ? undefined : createCorsPolicy(options.cors),
      counts,
      traces: options.traces && new ServerTraces(options.traces, this.#runtime.clock),
      recent: options.recent,
      pages: new Map([...pages, ...(options.pages ?? [])].map((page) => [page.path, page])),
      onHandlerError: (error, call) => tell(onHandlerError, error, { method: call.name }),
    };
    this.#start = linkLayers(serverStack, this.#parts, () => {});
    const { timers } = this.#runtime;
    const { maxConnections = 20_000, maxHandshakes = 1000, handshakeTimeoutMs = 10_000 } = options;
    const onPeerError = (error: HeddleError) => this.#tellPeerError(error);
    this.#upkeep = resolveServerUpkeep(options);
    this.#maxConnections = atLeast("maxConnections", maxConnections, 1);
    this.#handshakeTimeoutMs = atLeast("handshakeTimeoutMs", handshakeTimeoutMs, 1);
    this.#handshakes = new Handshakes({
      ...this.#runtime,
      tls: options.tls,
      maxHandshakes: atLeast("maxHandshakes", maxHandshakes, 1),
      timeoutMs: this.#handshakeTimeoutMs,
      onHttp2: (socket) => this.#openSession(socket),
      onHttp1: (socket) => this.#http1.accept(socket),
      onIdle: () => this.#checkIdle(),
      onRefused: (error) => this.#refuse(error),
      onPeerError,
    });
    this.#http1 = new Http1Server({
      parts: this.#parts,
      timers,
      limits: resolveHttp1Limits(options.http1 ?? {}),
      stalledCallMs: this.#upkeep.stalledCallMs,
      webSockets,
      keepaliveMs: this.#upkeep.keepaliveMs,
      keepaliveTimeoutMs: this.#upkeep.keepaliveTimeoutMs,
      start: this.#start,
      onIdle: () => this.#checkIdle(),
      onPeerError,
    });
    this.#observed = options.metrics?.observe((into) => this.#observe(into));
  }

  #observe(into: Observations): void {
    const { counts, gate } = this.#parts;
    counts?.observe(into);
    into.add(instruments.serverShedding, [], gate?.admission.isShedding === true ? 1 : 0);
    into.add(instruments.serverConnections, [], this.connections);
    into.add(instruments.serverConnectionsRefused, [], this.#refused);
    for (const { sent, received } of [this.#traffic, this.#http1.traffic]) {
      into.add(instruments.serverNetworkIo, ["transmit"], sent);
      into.add(instruments.serverNetworkIo, ["receive"], received);
    }
  }

  get address(): string {
    return this.#listener?.address ?? "";
  }

  get connections(): number {
    return this.#handshakes.size + this.#sessions.size + this.#http1.size;
  }

  get refusedConnections(): number {
    return this.#refused;
  }

  setTls(tls: ServerTlsOptions): void {
    this.#handshakes.setTls(tls);
  }

  async listen(address: string, reusePort: boolean): Promise<void> {
    this.#listener = await listen(address, { reusePort }, (socket) => this.#accept(socket));
    this.health.start(this.#runtime);
  }

  close({ drainMs = 10_000 }: { readonly drainMs?: number } = {}): Promise<DrainReport> {
    this.#closing ??= this.#close(drainMs);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #accept(socket: Duplex): void {
    if (this.connections < this.#maxConnections && this.#closing === undefined)
      return this.#handshakes.begin(socket);
    dropSocket(socket);
    if (this.#closing === undefined)
      this.#refuse(
        new HeddleError("connectionRefused", { reason: `${this.#maxConnections} connections are open` }),
      );
  }

  #refuse(error: HeddleError): void {
    this.#refused++;
    this.#tellPeerError(error);
  }

  #tellPeerError(error: HeddleError): void {
    const { onPeerError } = this.#options;
    if (onPeerError !== undefined) tell(onPeerError, error);
  }

  #openSession(socket: Duplex): void {
    const session = new ServerSession({
      ...this.#runtime,
      socket,
      parts: this.#parts,
      limits: this.#options.http2 ?? {},
      traffic: this.#traffic,
      upkeep: this.#upkeep,
      handshakeTimeoutMs: this.#handshakeTimeoutMs,
      start: this.#start,
      onClose: (closed) => {
        this.#sessions.delete(closed);
        this.#checkIdle();
      },
      onPeerError: (error) => this.#tellPeerError(error),
    });
    this.#sessions.add(session);
  }

  async #close(drainMs: number): Promise<DrainReport> {
    const startedAtMs = this.#runtime.clock.now();
    const stopped = this.#listener?.close();
    this.health.end();
    this.#reflection?.endStreams();
    this.#handshakes.close();
    this.#http1.drain();
    for (const session of this.#sessions) session.drain();
    if (this.connections > 0) await this.#idleWithin(drainMs);
    const cut = [...this.#sessions, this.#http1].flatMap((connection) =>
      connection.cut(`it still ran ${Math.round(drainMs)} ms after its server began to drain`),
    );
    // The answers of those that were cut close their connections when they have left.
    if (cut.length > 0 && this.connections > 0) await this.#idleWithin(LAST_WORDS_MS);
    for (const session of this.#sessions) session.close("the server is closing");
    this.#http1.close();
    this.#parts.gate?.close();
    this.#observed?.dispose(this.#runtime.clock.now());
    await stopped;
    this.health.stop();
    return { cut, elapsedMs: this.#runtime.clock.now() - startedAtMs };
  }

  #checkIdle(): void {
    if (this.connections === 0) this.#onIdle?.();
  }

  #idleWithin(drainMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#runtime.timers.after(drainMs, resolve);
      timer.keepAlive(true);
      this.#onIdle = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}

/** How long a caller has to take the news that its call was cut, in ms. */
const LAST_WORDS_MS = 100;

function reportHandlerError(error: unknown, { method }: { readonly method: string }): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`heddle: handler of ${method} failed: ${text}\n`);
}
