/** What a service does, as whoever collects its metrics knows it: the control plane, or Prometheus. */
import { HeddleError } from "../call/errors.ts";
import { askHttp, type AskHttpOptions } from "./ask-http.ts";

export interface ServiceStats {
  readonly service: string;
  /** Of the calls that it serves: a second, share that failed (null without calls), and times in ms. */
  readonly rate: number;
  readonly failedShare: number | null;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  /** The time that the figures are about, in seconds. */
  readonly windowSeconds: number;
}

/** From the control plane at one of the addresses. Undefined for a service of which it knows nothing. */
export async function statsFromPlane(
  service: string,
  { origins, windowSeconds, ...options }: AskHttpOptions & PlaneOptions,
): Promise<ServiceStats | undefined> {
  const path = `/api/v1/service/${encodeURIComponent(service)}?window=${windowSeconds}`;
  const { status, value } = await askHttp(
    origins.map((origin) => `${origin}${path}`),
    options,
  );
  if (status === 404) return undefined;
  const page = value as {
    readonly error?: string;
    readonly windowSeconds: number;
    readonly service: { readonly served: Omit<ServiceStats, "service" | "windowSeconds"> };
  };
  if (status !== 200) throw new HeddleError("optionInvalid", { option: "stats", reason: String(page.error) });
  const { rate, failedShare, p50Ms, p99Ms } = page.service.served;
  return { service, rate, failedShare, p50Ms, p99Ms, windowSeconds: page.windowSeconds };
}

interface PlaneOptions {
  /** `http://host:port` each. */
  readonly origins: readonly string[];
  readonly windowSeconds: number;
}

/** From Prometheus, which names services as `heddle monitoring` has it do. Undefined where it has no figures of it. */
export async function statsFromPrometheus(
  service: string,
  {
    url,
    windowSeconds,
    ...options
  }: AskHttpOptions & { readonly url: string; readonly windowSeconds: number },
): Promise<ServiceStats | undefined> {
  const of = `service=${JSON.stringify(service)}`;
  const counted = (more: string) =>
    `sum(rate(rpc_server_call_duration_seconds_count{${of}${more}}[${windowSeconds}s]))`;
  const percentile = (share: number) =>
    `1000 * histogram_quantile(${share}, sum by (le) (rate(rpc_server_call_duration_seconds_bucket{${of}}[${windowSeconds}s])))`;
  const ask = async (query: string): Promise<number | undefined> => {
    const { status, value } = await askHttp(
      [`${url.replace(/\/$/, "")}/api/v1/query?query=${encodeURIComponent(query)}`],
      options,
    );
    const { data, error } = value as PrometheusAnswer;
    if (status !== 200) throw new Error(`Prometheus answers ${status}: ${String(error)}`);
    const number = Number(data?.result?.[0]?.value?.[1]);
    return Number.isFinite(number) ? number : undefined;
  };
  const [rate, failed, p50Ms, p99Ms] = await Promise.all([
    ask(counted("")),
    ask(counted(`,rpc_status_code!="OK"`)),
    ask(percentile(0.5)),
    ask(percentile(0.99)),
  ]);
  if (rate === undefined) return undefined;
  const failedShare = rate === 0 ? null : (failed ?? 0) / rate;
  return { service, rate, failedShare, p50Ms: p50Ms ?? null, p99Ms: p99Ms ?? null, windowSeconds };
}

interface PrometheusAnswer {
  readonly error?: string;
  readonly data?: { readonly result?: readonly { readonly value?: readonly [number, string] }[] };
}
