/**
 * An API server for tests in this process: EndpointSlices in memory, listed in pages and watched, with the faults that a
 * real one shows only on bad days. It knows what Heddle uses and no more; what is true is tested against a real one.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";

export interface FakeApiServer extends AsyncDisposable {
  readonly host: string;
  /** Method, path and query of each request so far, and its authorization. */
  readonly requests: readonly FakeRequest[];
  /** Writes a slice, and tells watchers. */
  put(slice: SliceFields): void;
  remove(name: string): void;
  /** Forgets what was before now: older cursors are refused. */
  compact(): void;
  /** Tells each watcher where things stand. */
  bookmark(): void;
  /** Writes a line to each watcher as it is. */
  tell(line: string): void;
  /** Ends watches, as a server does when their time is up, or breaks their connections. */
  endWatches(how: "end" | "break"): void;
  /** Requests for which it returns true are answered by it. */
  interfere: ((request: FakeRequest, response: ServerResponse) => boolean) | undefined;
  readonly watchers: number;
}

export interface FakeRequest {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly authorization: string | undefined;
}

/** As in the API, of which only the name is needed. */
export interface SliceFields {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly addressType?: string;
  readonly ports?: readonly object[] | null;
  readonly endpoints?: readonly object[] | null;
}

interface Watcher {
  readonly namespace: string;
  readonly selector: string;
  readonly response: ServerResponse;
}

export async function startFakeApiServer(tls?: ServerOptions): Promise<FakeApiServer> {
  const slices = new Map<string, Stored>();
  const history: { readonly revision: number; readonly type: string; readonly slice: Stored }[] = [];
  const watchers = new Set<Watcher>();
  const requests: FakeRequest[] = [];
  let revision = 1000;
  let forgotten = 0;

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "", "http://fake");
    const { authorization } = request.headers;
    const asked = { path: url.pathname, query: url.searchParams, authorization };
    requests.push(asked);
    if (fake.interfere?.(asked, response)) return;
    if (url.pathname === "/version") return void response.end('{"major":"1"}');
    const [, namespace] =
      /^\/apis\/discovery\.k8s\.io\/v1\/namespaces\/([^/]+)\/endpointslices$/.exec(url.pathname) ?? [];
    if (namespace === undefined)
      return sendStatus(response, 404, "the server could not find the requested resource");
    if (asked.query.get("watch") === "true") watch(namespace, asked.query, response);
    else list(namespace, asked.query, response);
  }

  function list(namespace: string, query: URLSearchParams, response: ServerResponse): void {
    const selector = query.get("labelSelector") ?? "";
    const [at = revision, from = 0] = (query.get("continue") ?? "").split(":").filter(Boolean).map(Number);
    if (at < forgotten) return sendStatus(response, 410, "The provided continue parameter is too old");
    const found = [...slices.values()].filter((slice) => matches(slice, namespace, selector));
    const limit = Number(query.get("limit") ?? Number.POSITIVE_INFINITY);
    const more = from + limit < found.length;
    response.end(
      JSON.stringify({
        kind: "EndpointSliceList",
        metadata: { resourceVersion: String(at), ...(more ? { continue: `${at}:${from + limit}` } : {}) },
        items: found.slice(from, from + limit),
      }),
    );
  }

  function watch(namespace: string, query: URLSearchParams, response: ServerResponse): void {
    const selector = query.get("labelSelector") ?? "";
    const from = Number(query.get("resourceVersion"));
    if (from < forgotten)
      return sendStatus(response, 410, `too old resource version: ${from} (${forgotten})`);
    const watcher = { namespace, selector, response };
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    for (const event of history)
      if (event.revision > from && matches(event.slice, namespace, selector))
        send(watcher, event.type, event.slice);
    watchers.add(watcher);
    response.on("close", () => watchers.delete(watcher));
  }

  function happen(type: string, slice: Stored): void {
    history.push({ revision, type, slice });
    for (const watcher of watchers)
      if (matches(slice, watcher.namespace, watcher.selector)) send(watcher, type, slice);
  }

  const server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  const fake: FakeApiServer = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    interfere: undefined,
    put(fields) {
      revision++;
      const { name, namespace = "default" } = fields.metadata;
      const key = `${namespace}/${name}`;
      const slice = {
        ...fields,
        metadata: { ...fields.metadata, namespace, resourceVersion: String(revision) },
      };
      const type = slices.has(key) ? "MODIFIED" : "ADDED";
      slices.set(key, slice);
      happen(type, slice);
    },
    remove(name) {
      const slice = slices.get(`default/${name}`);
      if (slice === undefined) throw new Error(`there is no slice ${name}`);
      revision++;
      slices.delete(`default/${name}`);
      happen("DELETED", { ...slice, metadata: { ...slice.metadata, resourceVersion: String(revision) } });
    },
    compact() {
      revision++;
      forgotten = revision;
      history.length = 0;
    },
    bookmark() {
      for (const watcher of watchers)
        send(watcher, "BOOKMARK", { metadata: { resourceVersion: String(revision) } } as Stored);
    },
    tell(line) {
      for (const { response } of watchers) response.write(`${line}\n`);
    },
    endWatches(how) {
      for (const watcher of watchers) {
        watchers.delete(watcher);
        if (how === "end") watcher.response.end();
        else watcher.response.destroy();
      }
    },
    get watchers() {
      return watchers.size;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
  return fake;
}

/** Answers with a Status, as the API does for all that goes wrong. */
export function sendStatus(
  response: ServerResponse,
  code: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(code, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify({ kind: "Status", status: "Failure", code, message }));
}

type Stored = SliceFields & {
  readonly metadata: { readonly namespace: string; readonly resourceVersion: string };
};

function send({ response }: Watcher, type: string, object: Stored): void {
  response.write(`${JSON.stringify({ type, object })}\n`);
}

function matches(slice: Stored, namespace: string, selector: string): boolean {
  const [label = "", value] = selector.split("=");
  const found = slice.metadata.labels?.[label];
  return (
    slice.metadata.namespace === namespace && (value === undefined ? found !== undefined : found === value)
  );
}
