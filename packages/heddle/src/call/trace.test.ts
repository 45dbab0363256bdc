import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom } from "../runtime/random.ts";
import { formatTraceparent, newSpanId, newTraceId, parseTraceparent } from "./trace.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const spanId = "00f067aa0ba902b7";

test("what is written is read", () => {
  assert.deepEqual(parseTraceparent(formatTraceparent(traceId, spanId, "01")), {
    traceId,
    spanId,
    flags: "01",
  });
  assert.equal(formatTraceparent(traceId, spanId), `00-${traceId}-${spanId}-00`);
});

test("a later version with more parts is read for what is known of it", () => {
  assert.deepEqual(parseTraceparent(`cc-${traceId}-${spanId}-01-what-the-future-brings`), {
    traceId,
    spanId,
    flags: "01",
  });
});

test("malformed values are none", () => {
  for (const value of [
    "",
    traceId,
    `ff-${traceId}-${spanId}-01`,
    `00-${"0".repeat(32)}-${spanId}-01`,
    `00-${traceId}-${"0".repeat(16)}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${traceId}-${spanId}-0`,
    `00_${traceId}-${spanId}-01`,
    `00-${traceId}-${spanId}-01-more`,
    `00-${traceId}-${spanId}-011`,
  ]) {
    assert.equal(parseTraceparent(value), undefined, value);
  }
});

test("new ids are well-formed and differ", () => {
  const random = createSeededRandom(1);
  const ids = new Set<string>();
  for (let i = 0; i < 1000; i++) {
    const trace = newTraceId(random);
    const span = newSpanId(random);
    assert.notEqual(parseTraceparent(formatTraceparent(trace, span)), undefined);
    ids.add(trace).add(span);
  }
  assert.equal(ids.size, 2000);
  const zero = { next: () => 0, below: () => 0 };
  assert.equal(newSpanId(zero), "0000000000000001", "never all zero");
});
