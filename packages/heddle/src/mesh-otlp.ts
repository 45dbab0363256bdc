/**
 * Pushes metrics to an OpenTelemetry collector: OTLP over HTTP, in Protobuf, every so often and once more at the end.
 * Settings have the names that every program with OpenTelemetry has (https://opentelemetry.io/docs/specs/otel/protocol/exporter/).
 *
 * What is pushed are totals since the start, so a push that fails is not repeated: the next one says it all. That the
 * collector is gone is told once, and that it is back.
 */
import { atLeast } from "./call/check-option.ts";
import { HeddleError, reasonText } from "./call/errors.ts";
import { VERSION } from "./call/version.ts";
import type { Runtime } from "./runtime/runtime.ts";
import { writeOtlpMetrics } from "./telemetry/export/otlp.ts";
import type { MetricSnapshot } from "./telemetry/snapshot.ts";

export interface OtlpOptions {
  /** Where metrics go, the whole URL: `http://127.0.0.1:4318/v1/metrics`. */
  readonly url: string;
  /** Fields of each request, such as `authorization`. Default: those of `OTEL_EXPORTER_OTLP_HEADERS`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** From push to push, in ms. Default: `OTEL_METRIC_EXPORT_INTERVAL`, or 60 000. */
  readonly intervalMs?: number;
  /** How long a push may take, in ms. Default: `OTEL_EXPORTER_OTLP_TIMEOUT`, or 10 000. */
  readonly timeoutMs?: number;
}

export type ResolvedOtlp = Required<OtlpOptions>;

/** From code, else from the environment; undefined: nothing is pushed. Throws `optionInvalid` for what code says. */
export function resolveOtlp(
  given: OtlpOptions | false | undefined,
  env: NodeJS.ProcessEnv,
  warn: (message: string) => void,
): ResolvedOtlp | undefined {
  if (given === false) return undefined;
  const url = given?.url ?? urlFrom(env);
  if (url === undefined) return undefined;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    const reason = "it is not a URL with http or https";
    if (given !== undefined) throw new HeddleError("optionInvalid", { option: "metrics.otlp.url", reason });
    warn(`metrics are not pushed: OTEL_EXPORTER_OTLP_ENDPOINT: ${reason}`);
    return undefined;
  }
  const protocol = env["OTEL_EXPORTER_OTLP_METRICS_PROTOCOL"] ?? env["OTEL_EXPORTER_OTLP_PROTOCOL"];
  if (given === undefined && protocol !== undefined && protocol !== "" && protocol !== "http/protobuf") {
    warn(
      `metrics are not pushed: OTEL_EXPORTER_OTLP_PROTOCOL is ${protocol}, and only http/protobuf is spoken here`,
    );
    return undefined;
  }
  const fromEnv = env["OTEL_EXPORTER_OTLP_METRICS_HEADERS"] ?? env["OTEL_EXPORTER_OTLP_HEADERS"] ?? "";
  const {
    headers = parsePairs(fromEnv),
    intervalMs = numberFrom(env["OTEL_METRIC_EXPORT_INTERVAL"]) ?? 60_000,
    timeoutMs = numberFrom(env["OTEL_EXPORTER_OTLP_TIMEOUT"]) ?? 10_000,
  } = given ?? {};
  return {
    url,
    headers,
    intervalMs: atLeast("metrics.otlp.intervalMs", intervalMs, 100),
    timeoutMs: atLeast("metrics.otlp.timeoutMs", timeoutMs, 1),
  };
}

export interface OtlpPushParts {
  readonly runtime: Runtime;
  readonly collect: () => Promise<MetricSnapshot>;
  readonly warn: (message: string) => void;
}

/** Pushes once more when it is disposed of. */
export type OtlpPush = AsyncDisposable;

export function createOtlpPush(options: ResolvedOtlp, { runtime, collect, warn }: OtlpPushParts): OtlpPush {
  const { url, headers, intervalMs, timeoutMs } = options;
  let underWay: Promise<void> | undefined;
  let failing = false;

  /** A collector that takes longer than the interval is not asked twice at a time. */
  function push(limitMs: number): Promise<void> {
    underWay ??= send(limitMs)
      .then(
        () => {
          if (failing) warn(`metrics reach ${hostOf(url)} again`);
          failing = false;
        },
        (error: unknown) => {
          if (!failing) warn(`metrics do not reach ${hostOf(url)}: ${reasonText(error)}`);
          failing = true;
        },
      )
      .finally(() => {
        underWay = undefined;
      });
    return underWay;
  }

  async function send(limitMs: number): Promise<void> {
    const body = writeOtlpMetrics(await collect(), { name: "heddle", version: VERSION });
    const { request } = await import("undici");
    const { statusCode, body: answer } = await request(url, {
      method: "POST",
      headers: { ...headers, "content-type": "application/x-protobuf" },
      body,
      headersTimeout: limitMs,
      bodyTimeout: limitMs,
      signal: AbortSignal.timeout(limitMs),
    });
    await answer.dump();
    if (statusCode < 200 || statusCode > 299) throw new Error(`it answers ${statusCode}`);
  }

  const timer = runtime.timers.every(intervalMs, () => void push(timeoutMs));
  return {
    async [Symbol.asyncDispose]() {
      timer.cancel();
      await underWay;
      await push(Math.min(timeoutMs, LAST_PUSH_MS));
    },
  };
}

/** A collector that is gone does not hold up the end of the process. */
const LAST_PUSH_MS = 2000;

function urlFrom(env: NodeJS.ProcessEnv): string | undefined {
  if (env["OTEL_SDK_DISABLED"] === "true" || env["OTEL_METRICS_EXPORTER"] === "none") return undefined;
  const own = env["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"];
  if (own) return own;
  const base = env["OTEL_EXPORTER_OTLP_ENDPOINT"];
  return base ? `${base.replace(/\/$/, "")}/v1/metrics` : undefined;
}

/** `a=1,b=2`, with values as in a URL. */
export function parsePairs(text: string): Record<string, string> {
  const pairs: Record<string, string> = {};
  for (const part of text.split(",")) {
    const at = part.indexOf("=");
    const name = part.slice(0, at).trim();
    if (at > 0 && name !== "") pairs[name] = decoded(part.slice(at + 1).trim());
  }
  return pairs;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function numberFrom(text: string | undefined): number | undefined {
  const value = Number(text);
  return text === undefined || text === "" || !(value > 0) ? undefined : value;
}

/** Without what may be secret in a URL. */
function hostOf(url: string): string {
  return new URL(url).host;
}
