/**
 * Metrics as OpenTelemetry's collectors take them (OTLP). Histograms go as exponential ones where there is one, which is
 * what Heddle records; temporality is cumulative, so a push that is lost costs nothing but its moment.
 * Source: https://opentelemetry.io/docs/specs/otlp/
 */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ExportMetricsServiceRequestSchema } from "../../gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.ts";
import type { KeyValueSchema } from "../../gen/opentelemetry/proto/common/v1/common_pb.ts";
import {
  AggregationTemporality,
  type ExemplarSchema,
  type MetricSchema,
} from "../../gen/opentelemetry/proto/metrics/v1/metrics_pb.ts";
import type { Exemplar, HistogramValue, MetricFamily, MetricPoint, MetricSnapshot } from "../snapshot.ts";
import { bytesOfHex, nanos } from "./otlp-values.ts";

export function writeOtlpMetrics(
  snapshot: MetricSnapshot,
  scope: { readonly name: string; readonly version: string },
): Uint8Array {
  const { families, resource } = snapshot;
  const request = create(ExportMetricsServiceRequestSchema, {
    resourceMetrics: [
      {
        resource: { attributes: attributesOf(Object.keys(resource), Object.values(resource)) },
        scopeMetrics: [{ scope, metrics: families.map((family) => metricOf(family, snapshot)) }],
      },
    ],
  });
  return toBinary(ExportMetricsServiceRequestSchema, request);
}

const { CUMULATIVE: aggregationTemporality } = AggregationTemporality;

function metricOf(
  { instrument, points }: MetricFamily,
  snapshot: MetricSnapshot,
): MessageInitShape<typeof MetricSchema> {
  const { name, help: description, unit, kind, labels } = instrument;
  const common = ({ labels: values }: MetricPoint) => ({
    startTimeUnixNano: nanos(snapshot.startedAtMs),
    timeUnixNano: nanos(snapshot.collectedAtMs),
    attributes: attributesOf(labels, values),
  });
  const number = (point: MetricPoint) => ({
    ...common(point),
    value: { case: "asDouble" as const, value: point.value as number },
  });
  if (kind === "counter")
    return {
      name,
      description,
      unit,
      data: {
        case: "sum",
        value: { isMonotonic: true, aggregationTemporality, dataPoints: points.map(number) },
      },
    };
  if (kind === "gauge")
    return { name, description, unit, data: { case: "gauge", value: { dataPoints: points.map(number) } } };
  const isExponential = points.every(
    ({ value }) => typeof value !== "number" && value.exponential !== undefined,
  );
  const dataPoints = points.map((point) => {
    const value = point.value as HistogramValue;
    const { count, sum, exemplars = [] } = value;
    return {
      value,
      shared: {
        ...common(point),
        count: BigInt(count),
        sum,
        exemplars: exemplars.filter((each) => each !== undefined).map((each) => exemplarOf(each, snapshot)),
      },
    };
  });
  if (isExponential)
    return {
      name,
      description,
      unit,
      data: {
        case: "exponentialHistogram",
        value: {
          aggregationTemporality,
          dataPoints: dataPoints.map(({ value, shared }) => ({ ...shared, ...exponentialOf(value) })),
        },
      },
    };
  return {
    name,
    description,
    unit,
    data: {
      case: "histogram",
      value: {
        aggregationTemporality,
        dataPoints: dataPoints.map(({ value: { bounds, bucketCounts }, shared }) => ({
          ...shared,
          explicitBounds: [...bounds],
          bucketCounts: Array.from(bucketCounts, BigInt),
        })),
      },
    },
  };
}

function exponentialOf({ exponential }: HistogramValue) {
  if (exponential === undefined) return {};
  const { scale, zeroThreshold, zeroCount, offset, counts } = exponential;
  // Room is made in steps: what is empty at both ends is left out.
  const first = counts.findIndex((count) => count > 0);
  const last = counts.findLastIndex((count) => count > 0);
  return {
    scale,
    zeroThreshold,
    zeroCount: BigInt(zeroCount),
    ...(first === -1
      ? {}
      : {
          positive: {
            offset: offset + first,
            bucketCounts: Array.from(counts.subarray(first, last + 1), BigInt),
          },
        }),
  };
}

function exemplarOf(
  { value, atMs, traceId, spanId }: Exemplar,
  { epochMs }: MetricSnapshot,
): MessageInitShape<typeof ExemplarSchema> {
  return {
    value: { case: "asDouble", value },
    timeUnixNano: nanos(epochMs + atMs),
    traceId: bytesOfHex(traceId),
    ...(spanId === undefined ? {} : { spanId: bytesOfHex(spanId) }),
  };
}

/** A label without a value is one that is not there. */
function attributesOf(
  names: readonly string[],
  values: readonly string[],
): MessageInitShape<typeof KeyValueSchema>[] {
  return names.flatMap((key, i) => {
    const value = values[i] ?? "";
    return value === "" ? [] : [{ key, value: { value: { case: "stringValue" as const, value } } }];
  });
}
