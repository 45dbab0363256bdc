/**
 * The context of OpenTelemetry's API, where a program has an SDK that keeps one: calls made inside a span of the program's
 * are its children, and spans that a handler makes are children of the served call. So spans of both are one trace, whoever
 * exports them.
 *
 * The API keeps what an SDK has registered under a symbol that all copies of version 1 share
 * (https://github.com/open-telemetry/opentelemetry-js, `api/src/internal/global-utils.ts`, `api/src/trace/context-utils.ts`). It is
 * read from there, so that nobody has to install the package; without an SDK that is one look at a global.
 */
import type { SpanOfCall } from "./trace.ts";

interface OtelContext {
  getValue(key: symbol): unknown;
  setValue(key: symbol, value: unknown): OtelContext;
}

/** The part of a `ContextManager` that is used. */
interface ContextManager {
  active(): OtelContext;
  with<T>(context: OtelContext, body: () => T): T;
}

interface OtelSpan {
  spanContext(): { readonly traceId: string; readonly spanId: string; readonly traceFlags: number };
}

const API = Symbol.for("opentelemetry.js.api.1");
const SPAN_KEY = Symbol.for("OpenTelemetry Context Key SPAN");

/** The program has an SDK that keeps a context. */
export function hasOtelContext(): boolean {
  return contextManager() !== undefined;
}

/** The program's own span in which the running code is; undefined without one. */
export function activeOtelSpan(): SpanOfCall | undefined {
  const span = contextManager()?.active().getValue(SPAN_KEY) as OtelSpan | undefined;
  if (span === undefined) return undefined;
  const { traceId, spanId, traceFlags } = span.spanContext();
  return VALID.test(traceId) ? { traceId, spanId, sampled: (traceFlags & 1) === 1 } : undefined;
}

/** Runs `body` so that spans which the program makes inside are children of the call. */
export function runInOtelSpan<T>(call: SpanOfCall, body: () => T): T {
  const manager = contextManager();
  if (manager === undefined) return body();
  return manager.with(manager.active().setValue(SPAN_KEY, new SpanOfHeddle(call)), body);
}

function contextManager(): ContextManager | undefined {
  const api = (globalThis as Record<symbol, unknown>)[API] as
    | { readonly context?: ContextManager }
    | undefined;
  return api?.context;
}

const VALID = /^(?!0{32})[0-9a-f]{32}$/;

/** What the API calls a span, of which only the identity is there: what is recorded of the call it knows itself. */
class SpanOfHeddle implements OtelSpan {
  readonly #call: SpanOfCall;

  constructor(call: SpanOfCall) {
    this.#call = call;
  }

  spanContext() {
    const { traceId, spanId, sampled } = this.#call;
    return { traceId, spanId, traceFlags: sampled ? 1 : 0, isRemote: false };
  }

  isRecording(): boolean {
    return false;
  }

  setAttribute(): this {
    return this;
  }

  setAttributes(): this {
    return this;
  }

  addEvent(): this {
    return this;
  }

  addLink(): this {
    return this;
  }

  addLinks(): this {
    return this;
  }

  setStatus(): this {
    return this;
  }

  updateName(): this {
    return this;
  }

  end(): void {}

  recordException(): void {}
}
