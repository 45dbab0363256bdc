import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { sizeDelimitedDecodeStream } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import {
  type Histogram as HistogramMessage,
  MetricFamilySchema,
} from "../../gen/io/prometheus/client/metrics_pb.ts";
import { classicBuckets, Histogram } from "../histogram.ts";
import { instruments } from "../instruments.ts";
import { chooseForm } from "./choose-form.ts";
import { writePrometheusProtobuf } from "./prometheus-protobuf.ts";

async function read(bytes: Uint8Array) {
  const families = [];
  async function* once() {
    yield bytes;
  }
  for await (const family of sizeDelimitedDecodeStream(MetricFamilySchema, once())) families.push(family);
  return families;
}

/** The counts of native buckets by their upper edges, read back as Prometheus does: spans, then differences. */
function nativeCounts({
  positiveSpan,
  positiveDelta,
}: HistogramMessage): [upperEdge: number, count: number][] {
  const found: [number, number][] = [];
  let [index, count, next] = [0, 0n, 0];
  for (const { offset, length } of positiveSpan) {
    index += offset;
    for (let i = 0; i < length; i++, index++) {
      count += positiveDelta[next++] as bigint;
      if (count > 0n) found.push([2 ** (index / 8), Number(count)]);
    }
  }
  assert.equal(next, positiveDelta.length);
  return found;
}

async function written(values: readonly number[]): Promise<HistogramMessage> {
  const histogram = new Histogram([], classicBuckets([0.01, 1]));
  for (const value of values) histogram.record(value);
  const points = [{ labels: [], value: histogram.read() }];
  const families = [{ instrument: instruments.serverQueueDelay, points }];
  const bytes = writePrometheusProtobuf({
    families,
    resource: {},
    startedAtMs: 0,
    collectedAtMs: 0,
    epochMs: 0,
  });
  const [family] = await read(bytes);
  return family?.metric[0]?.histogram as HistogramMessage;
}

describe("Prometheus' Protobuf", () => {
  it("has every value in the native bucket that holds it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.double({ min: 2 ** -19, max: 1e6, noNaN: true })), async (values) => {
        const message = await written(values);
        const expected = new Map<number, number>();
        for (const [edge, count] of nativeCounts(message)) {
          const held = values.filter((value) => value <= edge && value > edge / 2 ** (1 / 8)).length;
          // An edge is a rounded number: what lies on it may be counted on either side here.
          assert.ok(
            Math.abs(held - count) <= values.filter((value) => Math.abs(value / edge - 1) < 0.1).length,
          );
          expected.set(edge, count);
        }
        assert.equal(
          [...expected.values()].reduce((sum, each) => sum + each, 0),
          values.length,
        );
        assert.equal(message.sampleCount, BigInt(values.length));
        assert.equal(message.schema, 3);
        assert.equal(message.bucket.at(-1)?.cumulativeCount, BigInt(values.length));
      }),
    );
  });

  it("says of a histogram without values that it is native", async () => {
    const { positiveSpan, sampleCount } = await written([]);
    assert.equal(positiveSpan.length, 1);
    assert.equal(sampleCount, 0n);
  });
});

describe("the form of an exposition", () => {
  const protobuf =
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
  for (const [accept, form] of [
    [undefined, "text"],
    ["*/*", "text"],
    ["text/html", "text"],
    [
      "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;q=0.5",
      "openmetrics",
    ],
    ["application/openmetrics-text;version=2.0.0,text/plain;q=0.1", "text"],
    [
      `${protobuf};q=0.7,application/openmetrics-text;version=0.0.1;q=0.6,text/plain;version=0.0.4;q=0.5`,
      "protobuf",
    ],
    [`${protobuf};q=0.2,text/plain;q=0.9`, "text"],
    ["application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text", "text"],
    ["application/openmetrics-text;q=nonsense", "text"],
    [",;,;;q=,".repeat(1000), "text"],
  ] as const) {
    it(`is ${form} for ${accept?.slice(0, 60)}`, () => assert.equal(chooseForm(accept), form));
  }
});
