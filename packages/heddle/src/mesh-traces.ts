/**
 * The traces of a mesh: which are kept, and where their spans go. Where they go nowhere, nothing is decided and nothing is
 * made; the trace that a caller began is passed on all the same.
 */
import { HeddleError } from "./call/errors.ts";
import { VERSION } from "./call/version.ts";
import { createOtlpPush, numberFrom, type OtlpOptions, type OtlpPush, resolveOtlp } from "./mesh-otlp.ts";
import type { Runtime } from "./runtime/runtime.ts";
import { writeOtlpTraces } from "./telemetry/export/otlp-traces.ts";
import { Traces } from "./telemetry/traces.ts";

export interface MeshTracesOptions {
  /**
   * Share of the traces that begin in this process which are kept, 0 to 1; where a caller has begun one its decision holds.
   * Default: what `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG` say, or 0.01.
   */
  readonly sampleRatio?: number;
  /** A unary call that takes longer is kept in any case, in ms, as failed calls are; `Infinity` for none. Default 1000. */
  readonly slowMs?: number;
  /**
   * The OpenTelemetry collector that gets them, by OTLP over HTTP. Default: where `OTEL_EXPORTER_OTLP_ENDPOINT` or
   * `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` says so; `false` for not even then.
   */
  readonly otlp?: OtlpOptions | false;
}

export interface TracesOwner {
  readonly options: MeshTracesOptions | false | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly runtime: Runtime;
  /** Facts about the process, by OpenTelemetry's names. */
  readonly resource: Readonly<Record<string, string>>;
  readonly warn: (message: string) => void;
}

export class RunningTraces implements AsyncDisposable {
  /** Where spans go; undefined: nowhere. */
  readonly recorded: Traces | undefined;
  readonly #push: OtlpPush | undefined;

  /** Throws `optionInvalid` for what makes no sense. */
  constructor({ options, env, runtime, resource, warn }: TracesOwner) {
    if (options === false) return;
    const { sampleRatio = ratioFrom(env, warn), slowMs = 1000, otlp } = options ?? {};
    if (!(sampleRatio >= 0 && sampleRatio <= 1))
      throw new HeddleError("optionInvalid", {
        option: "traces.sampleRatio",
        reason: "it is not from 0 to 1",
      });
    if (!(slowMs >= 0))
      throw new HeddleError("optionInvalid", {
        option: "traces.slowMs",
        reason: "it is no number of ms from 0",
      });
    const to = resolveOtlp("traces", otlp, env, warn);
    if (to === undefined) return;
    const maxWaiting = numberFrom(env["OTEL_BSP_MAX_QUEUE_SIZE"]) ?? 2048;
    const traces = new Traces({ sampleRatio, slowMs, maxWaiting, random: runtime.random });
    this.recorded = traces;
    let pushed = 0;
    this.#push = createOtlpPush(to, {
      signal: "traces",
      runtime,
      warn,
      async body() {
        const dropped = traces.takeDropped();
        if (dropped > 0)
          warn(`${dropped} calls have no spans, for over ${maxWaiting} spans waited to be pushed`);
        const spans = traces.waiting();
        pushed = spans.length;
        return pushed === 0
          ? undefined
          : writeOtlpTraces(spans, resource, { name: "heddle", version: VERSION });
      },
      done: () => traces.remove(pushed),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#push?.[Symbol.asyncDispose]();
  }
}

/** OpenTelemetry's samplers. The caller's decision holds with all of them. */
function ratioFrom(env: NodeJS.ProcessEnv, warn: (message: string) => void): number {
  const sampler = env["OTEL_TRACES_SAMPLER"] ?? "";
  const name = sampler.replace(/^parentbased_/, "");
  if (name === "always_on") return 1;
  if (name === "always_off") return 0;
  const argument = env["OTEL_TRACES_SAMPLER_ARG"] ?? "";
  if (name === "traceidratio" && argument === "") return 1;
  if (name === "" && argument === "") return DEFAULT_RATIO;
  const ratio = Number(argument);
  if ((name === "traceidratio" || name === "") && ratio >= 0 && ratio <= 1) return ratio;
  warn(
    `OTEL_TRACES_SAMPLER=${sampler} with OTEL_TRACES_SAMPLER_ARG=${argument} is not known here; 1 % of traces are kept`,
  );
  return DEFAULT_RATIO;
}

const DEFAULT_RATIO = 0.01;
