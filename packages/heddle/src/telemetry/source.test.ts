import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { writePrometheusText } from "./export/prometheus-text.ts";
import { createMeterProvider } from "./meter-provider.ts";
import type { MetricFamily } from "./snapshot.ts";
import { fromPrometheusRegistry } from "./source.ts";

function textOf(families: readonly MetricFamily[]): string[] {
  const text = writePrometheusText(
    { families, resource: {}, startedAtMs: 0, collectedAtMs: 0, epochMs: 0 },
    "0.0.4",
  );
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

describe("a registry of Prometheus' own client", () => {
  it("is shown as it would show itself", async () => {
    const source = fromPrometheusRegistry({
      getMetricsAsJSON: async () => [
        { name: "a_total", help: "A.", type: "counter", values: [{ value: 2, labels: { l: "v" } }] },
        {
          name: "h",
          help: "H.",
          type: "histogram",
          values: [
            { value: 0, metricName: "h_bucket", labels: { le: 1 } },
            { value: 3, metricName: "h_bucket", labels: { le: 2 } },
            { value: 4, metricName: "h_bucket", labels: { le: "+Inf" } },
            { value: 9.5, metricName: "h_sum", labels: {} },
            { value: 4, metricName: "h_count", labels: {} },
          ],
        },
        {
          name: "s",
          help: "S.",
          type: "summary",
          values: [
            { value: 1.5, labels: { quantile: 0.5 } },
            { value: 3, metricName: "s_sum" },
            { value: 2, metricName: "s_count" },
          ],
        },
      ],
    });
    assert.deepEqual(textOf(await source.collect()), [
      'a_total{l="v"} 2',
      'h_bucket{le="1"} 0',
      'h_bucket{le="2"} 3',
      'h_bucket{le="+Inf"} 4',
      "h_sum 9.5",
      "h_count 4",
      's{quantile="0.5"} 1.5',
      "s_sum 3",
      "s_count 2",
    ]);
  });
});

describe("a meter provider", () => {
  it("counts, adds, sets and observes by attributes, in whatever order these are", async () => {
    const provider = createMeterProvider();
    const meter = provider.getMeter("shop");
    const counter = meter.createCounter("c");
    counter.add(1, { a: "1", b: 2 });
    counter.add(2, { b: 2, a: "1" });
    counter.add(-5, { a: "1", b: 2 });
    counter.add(Number.NaN, { a: "1", b: 2 });
    provider.getMeter("other").createCounter("c").add(4);
    meter.createUpDownCounter("u").add(-2);
    meter.createGauge("g").record(7, { list: ["x"] });
    meter.createHistogram("h", { advice: { explicitBucketBoundaries: [1] } }).record(3);
    meter.createObservableGauge("og").addCallback((result) => result.observe(4));
    const observed = meter.createObservableCounter("oc");
    const gone = () => assert.fail("it was removed");
    observed.addCallback(gone);
    observed.removeCallback(gone);
    meter.addBatchObservableCallback((result) => result.observe(observed, 9, { z: true }), [observed]);
    assert.deepEqual(textOf(await provider.collect()), [
      'c_total{a="1",b="2"} 3',
      "c_total 4",
      "u -2",
      'g{list="[\\"x\\"]"} 7',
      'h_bucket{le="1"} 0',
      'h_bucket{le="+Inf"} 1',
      "h_sum 3",
      "h_count 1",
      "og 4",
      'oc_total{z="true"} 9',
    ]);
  });

  it("folds what is too much", async () => {
    const provider = createMeterProvider({ maxSeries: 3 });
    const counter = provider.getMeter("shop").createCounter("c");
    for (let i = 0; i < 10; i++) counter.add(1, { user: i });
    assert.deepEqual(textOf(await provider.collect()), [
      'c_total{user="0"} 1',
      'c_total{user="1"} 1',
      'c_total{user="2"} 1',
      'c_total{otel_metric_overflow="true"} 7',
    ]);
  });
});
