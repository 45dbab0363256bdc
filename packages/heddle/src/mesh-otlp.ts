/**
 * Pushes metrics and spans to an OpenTelemetry collector: OTLP over HTTP, in Protobuf, every so often and once more at the end.
 * Settings have the names that every program with OpenTelemetry has (https://opentelemetry.io/docs/specs/otel/protocol/exporter/).
 *
 * Metrics are totals since the start, so a push that fails is not repeated: the next one says it all. Spans wait until they
 * have arrived. That the collector is gone is told once, and that it is back.
 */
import { atLeast } from "./call/check-option.ts";
import { HeddleError, reasonText } from "./call/errors.ts";
import type { Runtime } from "./runtime/runtime.ts";

export interface OtlpOptions {
  /** Where they go, the whole URL: `http://127.0.0.1:4318/v1/metrics`, `http://127.0.0.1:4318/v1/traces`. */
  readonly url: string;
  /** Fields of each request, such as `authorization`. Default: those of `OTEL_EXPORTER_OTLP_HEADERS`. */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * From push to push, in ms. Default: of metrics `OTEL_METRIC_EXPORT_INTERVAL`, or 60 000; of spans
   * `OTEL_BSP_SCHEDULE_DELAY`, or 5 000.
   */
  readonly intervalMs?: number;
  /** How long a push may take, in ms. Default: `OTEL_EXPORTER_OTLP_TIMEOUT`, or 10 000. */
  readonly timeoutMs?: number;
}

export type ResolvedOtlp = Required<OtlpOptions>;

/** What is pushed, by its words in OpenTelemetry's variables, paths and our options. */
export type OtlpSignal = "metrics" | "traces";

const WORDS = {
  metrics: {
    variable: "METRICS",
    interval: "OTEL_METRIC_EXPORT_INTERVAL",
    intervalMs: 60_000,
    name: "metrics",
  },
  traces: { variable: "TRACES", interval: "OTEL_BSP_SCHEDULE_DELAY", intervalMs: 5_000, name: "spans" },
} as const;

/** From code, else from the environment; undefined: nothing is pushed. Throws `optionInvalid` for what code says. */
export function resolveOtlp(
  signal: OtlpSignal,
  given: OtlpOptions | false | undefined,
  env: NodeJS.ProcessEnv,
  warn: (message: string) => void,
): ResolvedOtlp | undefined {
  if (given === false) return undefined;
  const { variable, interval, name, ...defaults } = WORDS[signal];
  const url = given?.url ?? urlFrom(env, signal);
  if (url === undefined) return undefined;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    const reason = "it is not a URL with http or https";
    if (given !== undefined) throw new HeddleError("optionInvalid", { option: `${signal}.otlp.url`, reason });
    warn(`${name} are not pushed: OTEL_EXPORTER_OTLP_ENDPOINT: ${reason}`);
    return undefined;
  }
  const protocol = env[`OTEL_EXPORTER_OTLP_${variable}_PROTOCOL`] ?? env["OTEL_EXPORTER_OTLP_PROTOCOL"];
  if (given === undefined && protocol !== undefined && protocol !== "" && protocol !== "http/protobuf") {
    warn(
      `${name} are not pushed: OTEL_EXPORTER_OTLP_PROTOCOL is ${protocol}, and only http/protobuf is spoken here`,
    );
    return undefined;
  }
  const fromEnv = env[`OTEL_EXPORTER_OTLP_${variable}_HEADERS`] ?? env["OTEL_EXPORTER_OTLP_HEADERS"] ?? "";
  const {
    headers = parsePairs(fromEnv),
    intervalMs = numberFrom(env[interval]) ?? defaults.intervalMs,
    timeoutMs = numberFrom(env["OTEL_EXPORTER_OTLP_TIMEOUT"]) ?? 10_000,
  } = given ?? {};
  return {
    url,
    headers,
    intervalMs: atLeast(`${signal}.otlp.intervalMs`, intervalMs, 100),
    timeoutMs: atLeast(`${signal}.otlp.timeoutMs`, timeoutMs, 1),
  };
}

export interface OtlpPushParts {
  readonly signal: OtlpSignal;
  readonly runtime: Runtime;
  /** What is to be pushed; undefined: there is nothing. */
  readonly body: () => Promise<Uint8Array | undefined>;
  /** It has arrived, or the collector will never take it. */
  readonly done?: () => void;
  readonly warn: (message: string) => void;
}

/** Pushes once more when it is disposed of. */
export type OtlpPush = AsyncDisposable;

export function createOtlpPush(
  options: ResolvedOtlp,
  { signal, runtime, body, done, warn }: OtlpPushParts,
): OtlpPush {
  const { url, headers, intervalMs, timeoutMs } = options;
  const { name } = WORDS[signal];
  let underWay: Promise<void> | undefined;
  let failing = false;

  /** A collector that takes longer than the interval is not asked twice at a time. */
  function push(limitMs: number): Promise<void> {
    underWay ??= send(limitMs)
      .then(
        () => {
          if (failing) warn(`${name} reach ${hostOf(url)} again`);
          failing = false;
        },
        (error: unknown) => {
          if (!failing) warn(`${name} do not reach ${hostOf(url)}: ${reasonText(error)}`);
          failing = true;
        },
      )
      .finally(() => {
        underWay = undefined;
      });
    return underWay;
  }

  async function send(limitMs: number): Promise<void> {
    const bytes = await body();
    if (bytes === undefined) return;
    const { request } = await import("undici");
    const { statusCode, body: answer } = await request(url, {
      method: "POST",
      headers: { ...headers, "content-type": "application/x-protobuf" },
      body: bytes,
      headersTimeout: limitMs,
      bodyTimeout: limitMs,
      signal: AbortSignal.timeout(limitMs),
    });
    await answer.dump();
    if (!MAY_BE_REPEATED.has(statusCode)) done?.();
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

/** What the same bytes may be sent again for (https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes). */
const MAY_BE_REPEATED: ReadonlySet<number> = new Set([429, 502, 503, 504]);

function urlFrom(env: NodeJS.ProcessEnv, signal: OtlpSignal): string | undefined {
  const { variable } = WORDS[signal];
  if (env["OTEL_SDK_DISABLED"] === "true" || env[`OTEL_${variable}_EXPORTER`] === "none") return undefined;
  const own = env[`OTEL_EXPORTER_OTLP_${variable}_ENDPOINT`];
  if (own) return own;
  const base = env["OTEL_EXPORTER_OTLP_ENDPOINT"];
  return base ? `${base.replace(/\/$/, "")}/v1/${signal}` : undefined;
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

export function numberFrom(text: string | undefined): number | undefined {
  const value = Number(text);
  return text === undefined || text === "" || !(value > 0) ? undefined : value;
}

/** Without what may be secret in a URL. */
function hostOf(url: string): string {
  return new URL(url).host;
}
