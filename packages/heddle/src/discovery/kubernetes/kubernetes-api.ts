/**
 * The Kubernetes API as far as Heddle uses it: EndpointSlices of one namespace, listed and watched, and whether the
 * server is there. What it takes is `get`, `list` and `watch` on endpointslices.
 */
import type { Runtime } from "../../runtime/runtime.ts";
import { fieldsAt, textAt, toFields } from "../fields/json-fields.ts";
import {
  createRegistryHttp,
  type RegistryHttp,
  type RegistryHttpStream,
  type RegistryHttpTls,
} from "../http/registry-http.ts";
import { toApiFault } from "./api-faults.ts";
import { type ClusterAccess, type Credential, sameTls } from "./cluster-access.ts";
import { type EndpointSlice, readEndpointSlice } from "./endpoint-slice.ts";

export interface KubernetesApi extends AsyncDisposable {
  /** Where a name without a namespace is looked for. */
  namespace(): Promise<string>;
  /** All slices in pages, each with the cursor from which a watch goes on after the last page. */
  list(scope: SliceScope, signal: AbortSignal): AsyncIterable<SlicePage>;
  /** What happens after a cursor, "open" first. Ends when the server ends it, which it does from time to time. */
  watch(scope: SliceScope, cursor: string, signal: AbortSignal): AsyncIterable<SliceEvent>;
  /** Resolves when the server answers something, whatever it is; a gateway that finds no server doesn't count. */
  probe(signal: AbortSignal): Promise<void>;
}

/** All methods throw what `toApiFault` makes, and `RegistryHttpError` when there is no answer. */
export interface KubernetesApiOptions {
  /** For people, without secrets. */
  readonly address: string;
  /** Asked until it succeeds once. */
  readonly openAccess: () => Promise<ClusterAccess>;
  readonly runtime: Runtime;
}

export interface SliceScope {
  readonly namespace: string;
  readonly labelSelector: string;
}

export interface SlicePage {
  readonly slices: readonly EndpointSlice[];
  readonly cursor: string;
}

export type SliceEvent =
  /** The server has taken the watch. */
  | { readonly kind: "open" }
  | { readonly kind: "put"; readonly slice: EndpointSlice; readonly cursor: string }
  | { readonly kind: "remove"; readonly slice: EndpointSlice; readonly cursor: string }
  /** Nothing has changed up to this cursor. */
  | { readonly kind: "bookmark"; readonly cursor: string };

export function createKubernetesApi({ address, openAccess, runtime }: KubernetesApiOptions): KubernetesApi {
  const clients = new Set<RegistryHttp>();
  let current: { readonly tls: RegistryHttpTls | undefined; readonly http: RegistryHttp } | undefined;
  let opening: Promise<ClusterAccess> | undefined;

  function access(): Promise<ClusterAccess> {
    opening ??= openAccess().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  }

  /** Connections belong to the certificate with which they were opened: another one needs others. */
  function clientFor({ host, basePath }: ClusterAccess, { tls }: Credential): RegistryHttp {
    if (current !== undefined && sameTls(current.tls, tls)) return current.http;
    const former = current?.http;
    // What still runs over the former ones ends by itself.
    if (former !== undefined) runtime.timers.after(2 * MAX_WATCH_MS, () => void close(former));
    const http = createRegistryHttp({ hosts: [host], basePath, tls, runtime, timeoutMs: ANSWER_TIMEOUT_MS });
    clients.add(http);
    current = { tls, http };
    return http;
  }

  async function close(http: RegistryHttp): Promise<void> {
    clients.delete(http);
    await http.close();
  }

  /** A stream with status 200. What the server doesn't take is renewed once. */
  async function open(request: Request, signal: AbortSignal): Promise<RegistryHttpStream> {
    for (let renew = false; ; renew = true) {
      const cluster = await access();
      const credential = await cluster.credential({ renew });
      const stream = await clientFor(cluster, credential).stream({
        ...request,
        method: "GET",
        headers: authorize(credential),
        signal,
      });
      if (stream.status === 200) return stream;
      const body = readJson(await stream.text());
      if (stream.status === 401 && !renew) continue;
      throw toApiFault(stream.status, body, { address, retryAfter: stream.headers["retry-after"] });
    }
  }

  return {
    namespace: async () => (await access()).namespace,

    async *list({ namespace, labelSelector }, signal) {
      let continuation: string | undefined;
      for (let page = 0; page === 0 || continuation !== undefined; page++) {
        const asked = continuation;
        const stream = await open(
          {
            path: pathOf(namespace),
            query: { labelSelector, limit: String(PAGE_SLICES), continue: continuation },
            silenceMs: ANSWER_TIMEOUT_MS,
          },
          signal,
        );
        const list = toFields(readJson(await stream.text()));
        if (!Array.isArray(list["items"]))
          throw new Error(`${address}: the answer is no list of EndpointSlices`);
        const metadata = fieldsAt(list, "metadata");
        continuation = textAt(metadata, "continue") || undefined;
        // Something in between that answers each page with the first one would keep us reading for ever.
        if (page >= MAX_PAGES || (continuation !== undefined && continuation === asked))
          throw new Error(`${address}: the list of EndpointSlices has no end`);
        yield { slices: list["items"].map(readEndpointSlice), cursor: textAt(metadata, "resourceVersion") };
      }
    },

    async *watch({ namespace, labelSelector }, cursor, signal) {
      const seconds = WATCH_SECONDS + runtime.random.below(WATCH_JITTER_SECONDS);
      const stream = await open(
        {
          path: pathOf(namespace),
          query: {
            watch: "true",
            allowWatchBookmarks: "true",
            labelSelector,
            resourceVersion: cursor,
            timeoutSeconds: String(seconds),
          },
          silenceMs: seconds * 1000 + ANSWER_TIMEOUT_MS,
        },
        signal,
      );
      yield { kind: "open" };
      for await (const line of stream.lines()) yield readEvent(line, address);
    },

    async probe(signal) {
      const cluster = await access();
      const credential = await cluster.credential({ renew: false });
      const { status } = await clientFor(cluster, credential).request({
        method: "GET",
        path: "/version",
        headers: authorize(credential),
        timeoutMs: PROBE_TIMEOUT_MS,
        signal,
      });
      if (status >= 502 && status <= 504) throw new Error(`${address}: HTTP status ${status}`);
    },

    async [Symbol.asyncDispose]() {
      await Promise.all([...clients].map(close));
    },
  };
}

interface Request {
  readonly path: string;
  readonly query: Readonly<Record<string, string | undefined>>;
  readonly silenceMs: number;
}

function readEvent(line: string, address: string): SliceEvent {
  const event = toFields(readJson(line));
  const type = textAt(event, "type");
  if (type === "ERROR") {
    const status = fieldsAt(event, "object");
    throw toApiFault(Number(status["code"]), status, { address });
  }
  if (type === "BOOKMARK") {
    const metadata = fieldsAt(fieldsAt(event, "object"), "metadata");
    return { kind: "bookmark", cursor: textAt(metadata, "resourceVersion") };
  }
  if (type !== "ADDED" && type !== "MODIFIED" && type !== "DELETED")
    throw new Error(`${address}: the watch told something that is no event of a watch`);
  const slice = readEndpointSlice(event["object"]);
  return { kind: type === "DELETED" ? "remove" : "put", slice, cursor: slice.resourceVersion };
}

function authorize({ authorization }: Credential): Readonly<Record<string, string>> {
  return authorization === undefined ? {} : { authorization };
}

function pathOf(namespace: string): string {
  return `/apis/discovery.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/endpointslices`;
}

/** Undefined for what is no JSON, such as the page of a gateway. */
function readJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** With up to 1 000 endpoints each. */
const PAGE_SLICES = 100;
const MAX_PAGES = 10_000;
/** Short of what API servers allow by themselves (30 to 60 minutes), so that watches spread anew over their replicas. */
const WATCH_SECONDS = 300;
const WATCH_JITTER_SECONDS = 60;
const MAX_WATCH_MS = (WATCH_SECONDS + WATCH_JITTER_SECONDS) * 1000;
const ANSWER_TIMEOUT_MS = 10_000;
const PROBE_TIMEOUT_MS = 3_000;
