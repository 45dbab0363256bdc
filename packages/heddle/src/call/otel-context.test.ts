/** A stand-in for what an SDK registers: the context manager, with contexts as OpenTelemetry's API makes them. */
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { afterEach, test } from "node:test";
import { activeOtelSpan, runInOtelSpan } from "./otel-context.ts";

const API = Symbol.for("opentelemetry.js.api.1");
const SPAN_KEY = Symbol.for("OpenTelemetry Context Key SPAN");
const call = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7", sampled: true };
const globals = globalThis as Record<symbol, unknown>;

class Context {
  readonly #values: ReadonlyMap<symbol, unknown>;
  constructor(values: ReadonlyMap<symbol, unknown> = new Map()) {
    this.#values = values;
  }
  getValue(key: symbol): unknown {
    return this.#values.get(key);
  }
  setValue(key: symbol, value: unknown): Context {
    return new Context(new Map(this.#values).set(key, value));
  }
}

function register() {
  const storage = new AsyncLocalStorage<Context>();
  const active = () => storage.getStore() ?? new Context();
  const manager = { active, with: <T>(context: Context, body: () => T) => storage.run(context, body) };
  globals[API] = { version: "1.9.0", context: manager };
  return manager;
}

afterEach(() => {
  globals[API] = undefined;
});

test("without an SDK there is no span, and the body runs", () => {
  assert.equal(activeOtelSpan(), undefined);
  assert.equal(
    runInOtelSpan(call, () => 7),
    7,
  );
});

test("the program's span is seen, one that is none is not", () => {
  const { with: within, active } = register();
  assert.equal(activeOtelSpan(), undefined);
  const spanOf = (traceId: string) => ({
    spanContext: () => ({ traceId, spanId: call.spanId, traceFlags: 1 }),
  });
  within(active().setValue(SPAN_KEY, spanOf(call.traceId)), () => assert.deepEqual(activeOtelSpan(), call));
  within(active().setValue(SPAN_KEY, spanOf("0".repeat(32))), () =>
    assert.equal(activeOtelSpan(), undefined),
  );
});

test("inside of a served call it is the program's active span, after awaits too", async () => {
  register();
  await runInOtelSpan(call, async () => {
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(activeOtelSpan(), call);
  });
  assert.equal(activeOtelSpan(), undefined);
});
