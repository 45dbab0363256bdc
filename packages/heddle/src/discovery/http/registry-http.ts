/**
 * How we talk to registries that speak HTTP and JSON (Consul, Eureka, Kubernetes): to one of several equal servers,
 * and to the same one until it fails, because their cursors and caches can't be compared with each other's.
 *
 * Every exchange has a deadline by our own timers, whatever the server or the kernel believe: a frozen server accepts
 * connections and says nothing. A stream has none over all, but one on silence. Bodies are bounded. No error repeats
 * headers, queries or what was sent, which may hold a secret. undici is loaded with the first request, for it takes its time.
 */
import type { Dispatcher, Pool } from "undici";
import type { Runtime } from "../../runtime/runtime.ts";
import type { RegistryTls } from "../registry-client.ts";
import { createExchangeLimit, type ExchangeLimit } from "./exchange-limit.ts";
import { readLines } from "./read-lines.ts";
import { failureText, RegistryHttpError } from "./registry-http-error.ts";
import { joinChunks, readChunks } from "./response-body.ts";

export { RegistryHttpError, statusError } from "./registry-http-error.ts";

export interface RegistryHttpOptions {
  /** `host:port` each, in the order in which they are tried. */
  readonly hosts: readonly string[];
  /** Before every path: "/eureka". Default none. */
  readonly basePath?: string;
  /** Undefined: plain HTTP. */
  readonly tls?: RegistryHttpTls | undefined;
  /** Asked before every request, so that a token may rotate. */
  readonly headers?: () => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>;
  readonly runtime: Pick<Runtime, "timers">;
  /** For an exchange as a whole, with each host, in ms; connecting counts. A request may say another. */
  readonly timeoutMs: number;
  /** Largest body, and largest line of a stream. Default 64 MiB. */
  readonly maxBodyBytes?: number;
  /** Whether an answer of 500 and more sends a request to the next host. Default true. */
  readonly nextOnServerError?: boolean;
}

export interface RegistryHttpTls extends RegistryTls {
  /** Takes any certificate of the server, where the registry's own settings ask for that. Default false. */
  readonly anyCertificate?: boolean | undefined;
}

export interface RegistryHttpRequest {
  readonly method: "GET" | "PUT" | "POST" | "PATCH" | "DELETE";
  /** Percent-encoded, with a leading slash; `basePath` goes before it. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
  /** This one and no other. */
  readonly host?: string;
}

export interface RegistryHttpStreamRequest extends RegistryHttpRequest {
  /** The stream fails when nothing came for so long while somebody waits for it, in ms. */
  readonly silenceMs: number;
}

interface ResponseHead {
  readonly status: number;
  /** Names in lower case; of repeated ones the first. */
  readonly headers: Readonly<Record<string, string>>;
  readonly host: string;
}

export interface RegistryHttpResponse extends ResponseHead {
  readonly bytes: Buffer;
  text(): string;
  /** Throws `RegistryHttpError` when the body is no JSON. */
  json(): unknown;
}

/** Exactly one of `chunks`, `lines`, `text` and `cancel` is to be used, once. */
export interface RegistryHttpStream extends ResponseHead {
  chunks(): AsyncIterable<Uint8Array>;
  /** Without their line breaks; empty ones are left out. What follows the last line break comes too. */
  lines(): AsyncIterable<string>;
  /** The whole body, such as that of an answer that is an error. */
  text(): Promise<string>;
  /** Gives up the body. */
  cancel(): void;
}

export interface RegistryHttp {
  /** The host that requests go to now. */
  readonly host: string;
  /** No longer to `host`, if requests go there: what made the caller lose trust in it is the caller's matter. */
  moveOn(host: string): void;
  /**
   * One exchange. A host that can't be reached, is silent, or answers 500 and more (`nextOnServerError`) is followed by the
   * next one, so only what may happen twice may be asked. Resolves with any status. Throws `RegistryHttpError` when no
   * host answered, and the signal's reason when it aborts.
   */
  request(request: RegistryHttpRequest): Promise<RegistryHttpResponse>;
  /** An exchange whose body is read as it comes. The deadline covers the head, `silenceMs` what follows. */
  stream(request: RegistryHttpStreamRequest): Promise<RegistryHttpStream>;
  /** Gives up what is under way, and the connections. */
  close(): Promise<void>;
}

export function createRegistryHttp(options: RegistryHttpOptions): RegistryHttp {
  const {
    hosts,
    basePath = "",
    runtime,
    maxBodyBytes = 64 * 1024 * 1024,
    nextOnServerError = true,
  } = options;
  const pools = new Map<string, Pool>();
  const limits = new Set<ExchangeLimit>();
  let current = 0;
  let closed = false;

  const hostAt = (index: number) => hosts[index % hosts.length] as string;

  function moveOn(host: string): void {
    if (hostAt(current) === host) current = (current + 1) % hosts.length;
  }

  async function poolFor(host: string): Promise<Pool> {
    const { Pool: UndiciPool } = await import("undici");
    if (closed) throw new Error("it is closed");
    let pool = pools.get(host);
    if (pool === undefined) {
      pool = new UndiciPool(`${options.tls === undefined ? "http" : "https"}://${host}`, {
        allowH2: false,
        headersTimeout: 0,
        bodyTimeout: 0,
        keepAliveTimeout: 30_000,
        connect: connectOptions(options.tls, options.timeoutMs),
      });
      pools.set(host, pool);
    }
    return pool;
  }

  async function send(host: string, request: RegistryHttpRequest, limit: ExchangeLimit): Promise<Answer> {
    const pool = await poolFor(host);
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    const answer = await pool.request({
      method: request.method,
      path: `${basePath}${request.path}${queryText(request.query)}`,
      headers: {
        accept: "application/json",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(await options.headers?.()),
        ...request.headers,
      },
      ...(body === undefined ? {} : { body }),
      signal: limit.signal,
    });
    // It also comes as what reading rejects with.
    answer.body.on("error", () => {});
    return answer;
  }

  /** Runs `body` with one host; what it throws is told with method, path and host, except the caller's own abort. */
  async function withHost<Result>(
    host: string,
    request: RegistryHttpRequest,
    body: (limit: ExchangeLimit) => Promise<Result>,
  ): Promise<Result> {
    request.signal?.throwIfAborted();
    const limit = createExchangeLimit(runtime.timers, request.signal);
    limits.add(limit);
    limit.onOver(() => limits.delete(limit));
    if (closed) limit.fail(new Error("it is closed"));
    try {
      return await body(limit);
    } catch (error) {
      limit.end();
      request.signal?.throwIfAborted();
      if (error instanceof RegistryHttpError) throw error;
      throw new RegistryHttpError(request, host, failureText(error), { cause: error });
    }
  }

  /** Tries the hosts in turn, from the current one on. */
  async function anyHost<Result extends ResponseHead>(
    request: RegistryHttpRequest,
    attempt: (host: string) => Promise<Result>,
    giveUp: (result: Result) => void,
  ): Promise<Result> {
    if (request.host !== undefined) return await attempt(request.host);
    for (let tries = hosts.length, host = hostAt(current); ; host = nextHost(host)) {
      tries--;
      try {
        const result = await attempt(host);
        if (result.status < 500 || !nextOnServerError) return result;
        moveOn(host);
        if (tries === 0) return result;
        giveUp(result);
      } catch (error) {
        if (request.signal?.aborted || closed) throw error;
        moveOn(host);
        if (tries === 0) throw error;
      }
    }
  }

  function nextHost(host: string): string {
    return hostAt(hosts.indexOf(host) + 1);
  }

  function requestFrom(host: string, request: RegistryHttpRequest): Promise<RegistryHttpResponse> {
    return withHost(host, request, async (limit) => {
      const exchange = async () => {
        const answer = await send(host, request, limit);
        return { answer, bytes: await joinChunks(answer.body, maxBodyBytes) };
      };
      const { answer, bytes } = await limit.within(request.timeoutMs ?? options.timeoutMs, exchange());
      limit.end();
      return {
        ...headOf(answer, host),
        bytes,
        text: () => bytes.toString("utf8"),
        json() {
          try {
            return JSON.parse(bytes.toString("utf8")) as unknown;
          } catch {
            throw new RegistryHttpError(request, host, "the answer is no JSON", {
              status: answer.statusCode,
            });
          }
        },
      };
    });
  }

  function streamFrom(host: string, request: RegistryHttpStreamRequest): Promise<RegistryHttpStream> {
    return withHost(host, request, async (limit) => {
      const answer = await limit.within(request.timeoutMs ?? options.timeoutMs, send(host, request, limit));
      const fault = (error: unknown) => {
        request.signal?.throwIfAborted();
        return new RegistryHttpError(request, host, failureText(error), { cause: error });
      };
      const chunks = () => readChunks(answer.body, limit, request.silenceMs, fault);
      return {
        ...headOf(answer, host),
        chunks,
        lines: () => readLines(chunks(), maxBodyBytes),
        text: async () => (await joinChunks(chunks(), maxBodyBytes)).toString("utf8"),
        cancel: () => limit.end(),
      };
    });
  }

  return {
    get host() {
      return hostAt(current);
    },
    moveOn,
    request: (request) =>
      anyHost(
        request,
        (host) => requestFrom(host, request),
        () => {},
      ),
    stream: (request) =>
      anyHost(
        request,
        (host) => streamFrom(host, request),
        (stream) => stream.cancel(),
      ),
    async close() {
      closed = true;
      for (const limit of limits) limit.fail(new Error("it is closed"));
      await Promise.all([...pools.values()].map((pool) => pool.destroy()));
    },
  };
}

type Answer = Dispatcher.ResponseData;

function connectOptions(tls: RegistryHttpTls | undefined, timeout: number): Record<string, unknown> {
  const given = {
    ca: tls?.ca,
    cert: tls?.cert,
    key: tls?.key,
    servername: tls?.serverName,
    rejectUnauthorized: tls?.anyCertificate === true ? false : undefined,
  };
  return { timeout, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) };
}

function queryText(query: RegistryHttpRequest["query"]): string {
  const pairs = Object.entries(query ?? {}).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((one): [string, string] => [name, one as string]),
  );
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs)}`;
}

function headOf(answer: Answer, host: string): ResponseHead {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(answer.headers)) {
    const first = Array.isArray(value) ? value[0] : value;
    if (first !== undefined) headers[name.toLowerCase()] = first;
  }
  return { status: answer.statusCode, headers, host };
}
