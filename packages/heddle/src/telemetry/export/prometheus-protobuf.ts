/**
 * Prometheus' exposition as Protobuf: the one form in which it takes native histograms, whose buckets are nine per cent
 * wide wherever the values lie, at the price of one series instead of twenty. Each family stands behind its length. The
 * classic buckets are written too: a Prometheus that does not want native histograms takes these.
 */
import { create, type MessageInitShape, protoInt64, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import {
  type ExemplarSchema,
  type HistogramSchema,
  type LabelPairSchema,
  MetricFamilySchema,
  type MetricSchema,
  MetricType,
} from "../../gen/io/prometheus/client/metrics_pb.ts";
import type { InstrumentKind } from "../instrument.ts";
import type { Exemplar, ExponentialValue, HistogramValue, MetricSnapshot } from "../snapshot.ts";
import { type PrometheusSeries, toPrometheus } from "./prometheus-family.ts";

export function writePrometheusProtobuf(snapshot: MetricSnapshot): Uint8Array {
  const out = new BinaryWriter();
  for (const { name, kind, help, unit, series } of toPrometheus(snapshot)) {
    const family = create(MetricFamilySchema, {
      name: kind === "counter" ? `${name}_total` : name,
      help,
      unit,
      type: TYPES[kind],
      metric: series.map((each) => metricOf(kind, each, snapshot.epochMs)),
    });
    out.bytes(toBinary(MetricFamilySchema, family));
  }
  return out.finish();
}

const TYPES: Readonly<Record<InstrumentKind, MetricType>> = {
  counter: MetricType.COUNTER,
  gauge: MetricType.GAUGE,
  histogram: MetricType.HISTOGRAM,
};

type MetricInit = MessageInitShape<typeof MetricSchema>;

function metricOf(kind: InstrumentKind, { labels, value }: PrometheusSeries, epochMs: number): MetricInit {
  const label: MessageInitShape<typeof LabelPairSchema>[] = [];
  for (let i = 0; i < labels.length; i += 2)
    label.push({ name: labels[i] as string, value: labels[i + 1] as string });
  if (typeof value !== "number") return { label, histogram: histogramOf(value, epochMs) };
  return kind === "counter" ? { label, counter: { value } } : { label, gauge: { value } };
}

function histogramOf(value: HistogramValue, epochMs: number): MessageInitShape<typeof HistogramSchema> {
  const { count, sum, bounds, bucketCounts, exponential, exemplars } = value;
  let below = 0;
  const bucket = [...bounds, Number.POSITIVE_INFINITY].map((upperBound, i) => {
    below += bucketCounts[i] ?? 0;
    const exemplar = exemplars?.[i];
    return {
      cumulativeCount: integer(below),
      upperBound,
      ...(exemplar === undefined ? {} : { exemplar: exemplarOf(exemplar, epochMs) }),
    };
  });
  const shown = (exemplars ?? []).filter((each) => each !== undefined);
  return {
    sampleCount: integer(count),
    sampleSum: sum,
    bucket,
    ...(exponential === undefined
      ? {}
      : { ...nativeOf(exponential), exemplars: shown.map((each) => exemplarOf(each, epochMs)) }),
  };
}

function nativeOf({ scale, zeroThreshold, zeroCount, offset, counts }: ExponentialValue) {
  const positiveSpan: { offset: number; length: number }[] = [];
  const positiveDelta: bigint[] = [];
  let before = 0;
  /** Prometheus names a bucket by its upper edge: one more than OpenTelemetry. */
  let next = 0;
  let last: { offset: number; length: number } | undefined;
  for (const [i, count] of counts.entries()) {
    if (count === 0) continue;
    const index = offset + i + 1;
    const gap = index - next;
    if (last !== undefined && gap <= LEAST_GAP) {
      for (let n = 0; n < gap; n++) {
        positiveDelta.push(integer(-before));
        before = 0;
      }
      last.length += gap + 1;
    } else {
      last = { offset: gap, length: 1 };
      positiveSpan.push(last);
    }
    positiveDelta.push(integer(count - before));
    before = count;
    next = index + 1;
  }
  // Without any bucket it would be taken for one that is not native.
  if (positiveSpan.length === 0) positiveSpan.push({ offset: 0, length: 0 });
  return { schema: scale, zeroThreshold, zeroCount: integer(zeroCount), positiveSpan, positiveDelta };
}

/** Up to so many empty buckets are cheaper written than a new span. */
const LEAST_GAP = 2;

function exemplarOf(
  { value, atMs, traceId, spanId }: Exemplar,
  epochMs: number,
): MessageInitShape<typeof ExemplarSchema> {
  const wallMs = Math.round(epochMs + atMs);
  return {
    label: [
      { name: "trace_id", value: traceId },
      ...(spanId === undefined ? [] : [{ name: "span_id", value: spanId }]),
    ],
    value,
    timestamp: {
      seconds: integer(Math.floor(wallMs / 1000)),
      nanos: (((wallMs % 1000) + 1000) % 1000) * 1e6,
    },
  };
}

function integer(value: number): bigint {
  return protoInt64.parse(value);
}
