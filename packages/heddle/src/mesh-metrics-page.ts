/**
 * The page that Prometheus scrapes: a snapshot of the metrics, in the form that is asked for.
 *
 * Whoever can reach the page can ask for it as often as he likes. So one rendering is made at a time, all who ask
 * meanwhile get it, and it is used again until nine times as long has passed as it took: a tenth of one processor at most.
 */
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { findField, type Fields } from "./call/metadata.ts";
import type { Runtime } from "./runtime/runtime.ts";
import type { HttpAnswer, HttpPage } from "./server/http-page.ts";
import { chooseForm, contentTypes, type ExpositionForm } from "./telemetry/export/choose-form.ts";
import { writePrometheusProtobuf } from "./telemetry/export/prometheus-protobuf.ts";
import { writePrometheusText } from "./telemetry/export/prometheus-text.ts";
import type { MetricSnapshot } from "./telemetry/snapshot.ts";

export interface MetricsPageOptions {
  readonly path: string;
  readonly runtime: Pick<Runtime, "clock" | "timers">;
  readonly collect: () => Promise<MetricSnapshot>;
}

export function createMetricsPage(options: MetricsPageOptions): HttpPage {
  const exposition = new Exposition(options);
  return { path: options.path, answer: (_query, fields) => exposition.answer(fields) };
}

class Exposition {
  readonly #options: MetricsPageOptions;
  readonly #renderings = new Map<ExpositionForm, Rendering>();

  constructor(options: MetricsPageOptions) {
    this.#options = options;
  }

  async answer(fields: Fields): Promise<HttpAnswer> {
    const form = chooseForm(findField(fields, "accept"));
    const { body, zipped } = await this.#render(form);
    const wantsZipped = /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i.test(
      findField(fields, "accept-encoding") ?? "",
    );
    const isZipped = wantsZipped && body.length >= LEAST_ZIPPED_BYTES;
    return {
      status: 200,
      contentType: contentTypes[form],
      body: isZipped ? await zipped() : body,
      fields: ["vary", "accept, accept-encoding", ...(isZipped ? ["content-encoding", "gzip"] : [])],
    };
  }

  #render(form: ExpositionForm): Promise<Rendered> {
    const { clock } = this.#options.runtime;
    const known = this.#renderings.get(form);
    if (known !== undefined && clock.now() < known.freshUntilMs) return known.rendered;
    const rendering: Rendering = { freshUntilMs: Number.POSITIVE_INFINITY, rendered: this.#write(form) };
    this.#renderings.set(form, rendering);
    const forget = () => {
      if (this.#renderings.get(form) === rendering) this.#renderings.delete(form);
    };
    rendering.rendered.then(({ tookMs }) => {
      rendering.freshUntilMs = clock.now() + REST_SHARE * tookMs;
      // Such a text may be large: it is not kept for nobody.
      this.#options.runtime.timers.after(Math.max(1, REST_SHARE * tookMs), forget);
    }, forget);
    return rendering.rendered;
  }

  async #write(form: ExpositionForm): Promise<Rendered> {
    const { clock } = this.#options.runtime;
    const snapshot = await this.#options.collect();
    const startedAtMs = clock.now();
    const body =
      form === "protobuf"
        ? writePrometheusProtobuf(snapshot)
        : new TextEncoder().encode(writePrometheusText(snapshot, form === "text" ? "0.0.4" : form));
    let zipping: Promise<Uint8Array> | undefined;
    return { body, zipped: () => (zipping ??= zip(body)), tookMs: clock.now() - startedAtMs };
  }
}

/** One form of one collection. */
interface Rendered {
  readonly body: Uint8Array;
  readonly zipped: () => Promise<Uint8Array>;
  readonly tookMs: number;
}

interface Rendering {
  freshUntilMs: number;
  readonly rendered: Promise<Rendered>;
}

const zip: (bytes: Uint8Array) => Promise<Uint8Array> = promisify(gzip);

/** How much longer a text is used than it took to make. */
const REST_SHARE = 9;
/** Less is not worth it. */
const LEAST_ZIPPED_BYTES = 1000;
