import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { classicBuckets, Histogram } from "../histogram.ts";
import type { Instrument } from "../instrument.ts";
import type { MetricFamily, MetricSnapshot } from "../snapshot.ts";
import { prometheusName } from "./prometheus-family.ts";
import { writePrometheusText } from "./prometheus-text.ts";

const calls: Instrument = {
  name: "shop.calls",
  kind: "counter",
  unit: "{call}",
  labels: ["a.b", "c"],
  help: "Calls.",
};

function snapshotOf(
  families: readonly MetricFamily[],
  resource: Record<string, string> = {},
): MetricSnapshot {
  return { families, resource, startedAtMs: 0, collectedAtMs: 0, epochMs: 1000 };
}

/** The pairs of a line's labels, read back as the format's description says. */
function readLabels(line: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [, name = "", value = ""] of line.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g))
    found[name] = value.replace(/\\(.)/g, (_, character: string) => (character === "n" ? "\n" : character));
  return found;
}

describe("Prometheus' text", () => {
  it("has labels that are read back as they were, whatever is in them", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 50, unit: "binary" }), (value) => {
        const text = writePrometheusText(
          snapshotOf([{ instrument: calls, points: [{ labels: [value, "x"], value: 1 }] }]),
          "0.0.4",
        );
        const lines = text.trimEnd().split("\n");
        assert.equal(lines.length, 3);
        assert.deepEqual(readLabels(lines[2] as string), { a_b: value.toWellFormed(), c: "x" });
      }),
      { numRuns: 50 },
    );
  });

  it("leaves out labels without a value, and cuts those that are too long", () => {
    const points = [{ labels: ["x".repeat(5000), ""], value: 1 }];
    const text = writePrometheusText(snapshotOf([{ instrument: calls, points }]), "0.0.4");
    assert.match(text, /^shop_calls_total\{a_b="x{500}…"\} 1$/m);
  });

  it("names what OpenTelemetry's rules name", () => {
    const named = (name: string, kind: Instrument["kind"], unit: string) =>
      prometheusName({ name, kind, unit }).name;
    assert.equal(named("rpc.server.call.duration", "histogram", "s"), "rpc_server_call_duration_seconds");
    assert.equal(named("a.seconds", "histogram", "s"), "a_seconds");
    assert.equal(named("a.bytes_total", "counter", "By"), "a_bytes");
    assert.equal(named("a.share", "gauge", "1"), "a_share_ratio");
    assert.equal(named("a.calls", "counter", "{call}"), "a_calls");
    assert.equal(named("2xx.count-er", "counter", ""), "_2xx_count_er");
  });

  it("adds buckets up, and writes bounds in OpenMetrics' one way", () => {
    const histogram = new Histogram([], classicBuckets([0.5, 1, 1e7]));
    for (const value of [0.1, 0.7, 0.8, 3]) histogram.record(value);
    histogram.recordFor(0.2, 500, { exemplarTrace: () => ({ traceId: "ab", spanId: "cd" }) });
    const instrument: Instrument = { name: "d", kind: "histogram", unit: "s", labels: [], help: "D." };
    const families = [{ instrument, points: [{ labels: [], value: histogram.read() }] }];
    assert.equal(
      writePrometheusText(snapshotOf(families), "openmetrics"),
      `# HELP d_seconds D.
# TYPE d_seconds histogram
# UNIT d_seconds seconds
d_seconds_bucket{le="0.5"} 2 # {trace_id="ab",span_id="cd"} 0.2 1.500
d_seconds_bucket{le="1.0"} 4
d_seconds_bucket{le="1e+07"} 5
d_seconds_bucket{le="+Inf"} 5
d_seconds_sum ${0.1 + 0.7 + 0.8 + 3 + 0.2}
d_seconds_count 5
# EOF
`,
    );
    assert.match(writePrometheusText(snapshotOf(families), "0.0.4"), /^d_seconds_bucket\{le="1"\} 4$/m);
  });

  it("makes one metric of what several sources call by one name, and keeps the first of a kind", () => {
    const other: Instrument = { ...calls, name: "shop_calls_total", labels: ["c"], unit: "" };
    const gauge: Instrument = { ...calls, kind: "gauge", labels: [] };
    const text = writePrometheusText(
      snapshotOf([
        { instrument: calls, points: [{ labels: ["", "x"], value: 1 }] },
        {
          instrument: other,
          points: [
            { labels: ["x"], value: 7 },
            { labels: ["y"], value: 2 },
          ],
        },
        { instrument: gauge, points: [{ labels: [], value: 9 }] },
      ]),
      "0.0.4",
    );
    assert.deepEqual(
      text.split("\n").filter((line) => line !== "" && !line.startsWith("# HELP")),
      ["# TYPE shop_calls_total counter", 'shop_calls_total{c="x"} 1', 'shop_calls_total{c="y"} 2'],
    );
  });

  it("tells the process in a series of its own", () => {
    const text = writePrometheusText(snapshotOf([], { "service.name": "orders", "a-b": "c" }), "0.0.4");
    assert.match(text, /^target_info\{service_name="orders",a_b="c"\} 1$/m);
  });
});
