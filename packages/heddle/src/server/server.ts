/**
 * A server: listens, serves implementations, and goes away without failing a call.
 *
 * Usable without a mesh; `mesh.serve` adds registration. Closing means: no new connections, tell clients to go
 * elsewhere (GOAWAY), let running calls finish within `drainMs`, then close.
 */
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
import type { Observations } from "../telemetry/metrics.ts";
import { acceptedEncodings, DEFAULT_COMPRESS_MIN_BYTES } from "../wire/compression.ts";
import { checkBulkheads } from "./bulkhead-rule.ts";
import type { ServerCall } from "./call.ts";
import { createCorsPolicy } from "./cors.ts";
import { createGate } from "./gate.ts";
import { Handshakes } from "./handshakes.ts";
import { resolveHealthOptions } from "./health-options.ts";
import { resolveHttp1Limits } from "./http1-limits.ts";
import { Http1Server } from "./http1-server.ts";
import { createOnce } from "./idempotency/once.ts";
import type { Implementation } from "./implement.ts";
import type { ServerParts } from "./layer.ts";
import { type Listener, listen } from "./listener.ts";
import { createLoadReporter } from "./load-reporter.ts";
import { resolveServerUpkeep, type ServerUpkeepRules } from "./connection-options.ts";
import { openApiPages } from "./openapi-pages.ts";
import type { ServerOptions } from "./options.ts";
import { createOrcaTrailer } from "./orca.ts";
import { createReflectionService, type ReflectionService } from "./reflection-service.ts";
import { createRestRoutes } from "./rest-routes.ts";
import { ServerMetrics } from "./server-metrics.ts";
import { ServerTraces } from "./server-traces.ts";
import { createRouter } from "./router.ts";
import { RunningHealth, type ServerHealth } from "./server-health.ts";
import { ServerSession } from "./session.ts";
import { serverStack } from "./stack.ts";
import { openValidation, type Validation } from "./validation.ts";
import { openWebSockets, type WebSockets } from "./web-sockets.ts";

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
