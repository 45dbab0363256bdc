/**
 * HTTP/1.1: `node:http` with its strict parser, fed with sockets that the listener has accepted. Every request becomes
 * a call of the same stack that HTTP/2 feeds.
 */
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { HeddleError, reasonText } from "../call/errors.ts";
import type { Traffic } from "../connection/traffic.ts";
import type { Timers } from "../runtime/timer.ts";
import type { ServerCall } from "./call.ts";
import { Http1Call, writeRefusal } from "./http1-call.ts";
import { Http1Connection } from "./http1-connection.ts";
import { readHttp1Head } from "./http1-head.ts";
import type { Http1Limits } from "./http1-limits.ts";
import type { ServerParts } from "./layer.ts";
import { LeavingAnswers } from "./leaving-answers.ts";
import { Peer } from "./peer.ts";
import { PlainConnection } from "./plain-connection.ts";
import { WebSocketCall } from "./web-socket-call.ts";
import { asksForWebSocket, type WebSockets } from "./web-sockets.ts";
import { endGently, turnAway } from "./turn-away.ts";

export interface Http1ServerOptions {
  readonly parts: ServerParts;
  readonly timers: Timers;
  readonly limits: Http1Limits;
  /** How long a client may leave the bytes of a finished answer untouched, in ms. */
  readonly stalledCallMs: number;
  /** Undefined where no method is for them: who asks for one is answered as if not. */
  readonly webSockets: WebSockets | undefined;
  /** Of the server's connections; for those that have become a WebSocket. */
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  /** Enters the stack. */
  readonly start: (call: ServerCall) => void;
  /** The last connection has ended. */
  readonly onIdle: () => void;
  /** A client broke the protocol or a limit; its connection is being closed. */
  readonly onPeerError: (error: HeddleError) => void;
}

/** How often heads and requests that take too long are looked for, in ms. */
const CHECK_INTERVAL_MS = 1000;

export class Http1Server {
  readonly #options: Http1ServerOptions;
  readonly #server: Server;
  readonly #connections = new Map<Duplex, Http1Connection>();
  readonly #closedTraffic: Traffic = { sent: 0, received: 0 };
  readonly #answers: LeavingAnswers;
  draining = false;

  constructor(options: Http1ServerOptions) {
    this.#options = options;
    const { limits } = options;
    this.#answers = new LeavingAnswers(options.parts.clock);
    this.#server = createServer({
      insecureHTTPParser: false,
      // Looked at in `readHttp1Head`, which says why.
      requireHostHeader: false,
      rejectNonStandardBodyWrites: true,
      maxHeaderSize: limits.maxHeaderBytes,
      headersTimeout: limits.headerTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.idleTimeoutMs,
      keepAliveTimeoutBuffer: 0,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
      shouldUpgradeCallback: (request) => options.webSockets !== undefined && asksForWebSocket(request),
    });
    this.#server.timeout = options.stalledCallMs <= LONGEST_TIMEOUT_MS ? options.stalledCallMs : 0;
    this.#server.on("timeout", (socket) => this.#onSilence(socket));
    this.#server.maxRequestsPerSocket = limits.maxRequestsPerConnection;
    // One more than is allowed: Node leaves out what is over its limit, which nobody would notice.
    this.#server.maxHeadersCount = limits.maxHeaderFields + 1;
    this.#server.on("request", (request, response) => this.#accept(request, response, false));
    this.#server.on("checkContinue", (request, response) => this.#accept(request, response, true));
    this.#server.on("checkExpectation", (request, response) => {
      const connection = this.#connections.get(request.socket);
      if (connection === undefined) return void request.socket.destroy();
      this.#turnDown(connection, response, 417, "it expects what is not known here");
    });
    this.#server.on("connect", (_request: IncomingMessage, socket: Duplex) =>
      this.#refuse(socket, "405 Method Not Allowed", "it asks for a tunnel (CONNECT)"),
    );
    this.#server.on("upgrade", (request: IncomingMessage, socket: Duplex, rest: Buffer) =>
      this.#acceptWebSocket(request, socket, rest),
    );
    this.#server.on("clientError", (error: NodeJS.ErrnoException, socket) =>
      this.#onClientError(error, socket),
    );
  }

  /** Connections that are open. */
  get size(): number {
    return this.#connections.size;
  }

  /** Bytes that its connections have carried, those that are closed among them. */
  get traffic(): Traffic {
    const traffic = { ...this.#closedTraffic };
    for (const socket of this.#connections.keys()) countBytes(socket, traffic);
    return traffic;
  }

  accept(socket: Duplex): void {
    const { parts, limits, stalledCallMs, start, onPeerError } = this.#options;
    // Starts Node's watch over slow requests, which begins when a server listens; this one never does.
    if (this.#connections.size === 0) this.#server.emit("listening");
    const connection = new Http1Connection(this, new Peer(socket));
    this.#connections.set(socket, connection);
    if (socket instanceof Socket) this.#closeGently(socket, connection);
    socket.once("close", () => {
      this.#connections.delete(socket);
      countBytes(socket, this.#closedTraffic);
      if (this.#connections.size > 0) return;
      // Ends the watch.
      this.#server.close();
      this.#options.onIdle();
    });
    // Node counts the requests of a connection where that is wanted.
    if (limits.maxRequestsPerConnection > 0) return this.#handOver(socket);
    connection.plain = new PlainConnection(socket, connection, {
      parts,
      limits,
      stalledCallMs,
      answers: this.#answers,
      start,
      handOver: (unusual) => this.#handOver(unusual),
      onPeerError,
    });
  }

  #handOver(socket: Duplex): void {
    this.#server.emit("connection", socket);
  }

  /** Closes idle connections now, and each other one with its last answer. */
  drain(): void {
    this.draining = true;
    this.closeIdle();
  }

  closeIdle(): void {
    for (const { plain } of this.#connections.values()) plain?.closeWhenIdle();
    // Node takes an answer that has been handed over for one that has arrived, and would cut it off.
    for (const { leaving } of this.#connections.values()) if (leaving > 0) return;
    this.#server.closeIdleConnections();
  }

  /** Ends the calls that still run, in their own words. Returns their methods. */
  cut(reason: string): readonly string[] {
    const running = [...this.#connections.values()].flatMap(({ latest, webSocket, plain }) => {
      const call = webSocket ?? plain?.call ?? latest;
      return call === undefined || call.ended ? [] : [call];
    });
    for (const call of running) call.abort(new HeddleError("serverStopped", { method: call.name, reason }));
    return running.map(({ name }) => name);
  }

  /** Closes at once. */
  close(): void {
    this.drain();
    for (const socket of this.#connections.keys()) socket.destroy();
  }

  #accept(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const { parts, start, limits } = this.#options;
    const connection = this.#connections.get(request.socket);
    if (connection === undefined) return void request.socket.destroy();
    connection.request = request;
    if (connection.calls >= limits.maxPipelinedRequests) {
      this.#report(`${connection.calls} others wait for their answers`);
      return void request.socket.destroy();
    }
    if (connection.closing) {
      // Behind the last answer nobody is served, least of all what may have been smuggled there.
      connection.calls++;
      return void request.resume();
    }
    if (request.rawHeaders.length > limits.maxHeaderFields * 2)
      return this.#turnDown(connection, response, 431, `it has more than ${limits.maxHeaderFields} fields`);
    const head = readHttp1Head(request, connection.peer.secure ? "https" : "http");
    if (typeof head === "string") return this.#turnDown(connection, response, 400, head);
    // Not upgraded (RFC 9113 §3.1 has taken h2c back) but served; what follows it, Node takes for the other protocol.
    if (request.headers.upgrade !== undefined) response.shouldKeepAlive = false;
    const call = new Http1Call(parts, connection, head, request, response);
    connection.calls++;
    connection.latest = call;
    start(call);
    if (expectsContinue && !call.over) {
      // A client that is refused need not send what it has.
      if (call.error !== undefined) call.finish?.(call);
      else response.writeContinue();
    }
    call.read();
  }

  #acceptWebSocket(request: IncomingMessage, socket: Duplex, rest: Buffer): void {
    const { parts, start, limits, timers, webSockets, keepaliveMs, keepaliveTimeoutMs } = this.#options;
    const connection = this.#connections.get(socket);
    if (connection === undefined || webSockets === undefined) return void socket.destroy();
    socket.on("error", () => {});
    if (connection.calls > 0 || connection.closing)
      return this.#refuse(socket, "400 Bad Request", "a WebSocket cannot begin behind other requests");
    if (request.rawHeaders.length > limits.maxHeaderFields * 2)
      return this.#refuse(socket, "431 Request Header Fields Too Large", "it has too many fields");
    const head = readHttp1Head(request, connection.peer.secure ? "https" : "http");
    if (typeof head === "string") return this.#refuse(socket, "400 Bad Request", head);
    const call = new WebSocketCall(parts, connection, head, {
      request,
      socket,
      rest,
      sockets: webSockets,
      timers,
      keepaliveMs,
      keepaliveTimeoutMs,
      onPeerError: (reason) => this.#report(reason),
    });
    connection.calls++;
    connection.closing = true;
    connection.request = undefined;
    connection.webSocket = call;
    start(call);
    // There is nothing behind the head of a request that is refused.
    if (!call.isOpen && !call.over) call.reader?.onEnd();
  }

  /** Refuses a request whose head has come: the refusal waits its turn behind the answers before it. */
  #turnDown(connection: Http1Connection, response: ServerResponse, status: number, reason: string): void {
    connection.request = response.req;
    connection.closing = true;
    this.#report(reason);
    response.on("error", () => {});
    writeRefusal(response, status, sentence(reason));
  }

  #onClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
    const { code = "" } = error;
    const connection = this.#connections.get(socket);
    if (connection === undefined || connection.closing) return;
    if (GONE.has(code)) return void socket.destroy();
    connection.closing = true;
    const reason = (error as { readonly reason?: string }).reason ?? reasonText(error);
    const status = STATUS[code] ?? 400;
    const { latest } = connection;
    if (latest !== undefined && latest.isComing) {
      this.#report(reason);
      latest.turnDown(status, sentence(reason));
    } else {
      connection.whenAnswered(() => this.#refuse(socket, `${status} ${STATUS_CODES[status] ?? ""}`, reason));
    }
  }

  /**
   * Behind the last answer Node closes the socket at once. Where the request has not come whole, what still comes of
   * it would reset the connection, and a client that writes before it reads would lose the answer.
   */
  #closeGently(socket: Socket, connection: Http1Connection): void {
    const closeAtOnce = socket.destroySoon.bind(socket);
    socket.destroySoon = () => {
      connection.closing = true;
      if (connection.request?.complete === false) endGently(socket, NOTHING, this.#options.timers);
      else closeAtOnce();
    };
  }

  /** Nothing has come and nothing has been taken: in the idle time between requests, or else in `stalledCallMs`. */
  #onSilence(socket: Socket): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined || connection.calls === 0) return void socket.destroy();
    // A handler may take its time, and a stream be silent.
    if (connection.leaving === 0 || socket.writableLength === 0) return;
    this.#report(`its answer was left untouched for ${this.#options.stalledCallMs} ms`);
    socket.destroy();
  }

  #refuse(socket: Duplex, status: string, reason: string): void {
    this.#report(reason);
    turnAway(socket, status, sentence(reason), this.#options.timers);
  }

  #report(reason: string): void {
    this.#options.onPeerError(new HeddleError("http1Invalid", { reason }));
  }
}

/** What a timer of Node can wait. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

const NOTHING = new Uint8Array(0);

/** Of an in-memory pipe nothing is known. */
function countBytes(socket: Duplex, traffic: Traffic): void {
  if (!(socket instanceof Socket)) return;
  traffic.sent += socket.bytesWritten;
  traffic.received += socket.bytesRead;
}

function sentence(reason: string): string {
  return `This request is refused: ${reason}.`;
}

/** The client has hung up, maybe within a request, which is how calls of HTTP/1.1 are cancelled: nobody is there to be told. */
const GONE: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED", "HPE_INVALID_EOF_STATE"]);

const STATUS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};
