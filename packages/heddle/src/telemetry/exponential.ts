/**
 * The buckets of exponential histograms: each is 2^(1/8), nine per cent, wider than the one before, wherever the values
 * lie. It is the layout of OpenTelemetry's exponential histograms at scale 3 and of Prometheus' native histograms at
 * schema 3, so one array of counts serves both.
 *
 * Why a fixed scale, where OpenTelemetry lowers it until a range fits into 160 buckets: two histograms of one scale are
 * added by adding their counts, and a scale that changes under load costs a call now and then far more than the others.
 * Memory is bounded by the range instead, and only the part of it that has values is kept.
 *
 * Bucket `i` holds what is above 2^(i/8) and at most 2^((i+1)/8). The place of a value comes from the bits of the number,
 * as a logarithm would be most of what recording costs: the exponent says which eight buckets, and a table of the first
 * seven bits of the fraction which of the eight, but for one comparison.
 */
export const SCALE = 3;
const PER_DOUBLING = 2 ** SCALE;

/** What is no larger is zero. About a microsecond, where values are seconds. */
export const ZERO_THRESHOLD = 2 ** -20;
const LEAST_INDEX = -20 * PER_DOUBLING;
/** What is larger counts as this large: more years than there were, or a petabyte. */
const LARGEST = 2 ** 50;
export const INDEX_COUNT = 70 * PER_DOUBLING;

/** The bucket of a value above `ZERO_THRESHOLD`, counted from the first that there is: 0 … INDEX_COUNT - 1. */
export function placeOf(value: number): number {
  number[0] = value < LARGEST ? value : LARGEST;
  const high = words[HIGH] as number;
  const place = ((high >>> 20) - 1023) * PER_DOUBLING - LEAST_INDEX + (BASES[(high >>> 13) & 127] as number);
  return value > (LOWER_EDGES[place] as number) && place < INDEX_COUNT ? place : place - 1;
}

/** OpenTelemetry's index of a place. Prometheus names a bucket by its upper edge, which is one more. */
export function indexOfPlace(place: number): number {
  return place + LEAST_INDEX;
}

/** The lower edge of a place; the upper one is that of the next. */
export function lowerEdge(place: number): number {
  return LOWER_EDGES[place] as number;
}

const number = new Float64Array(1);
const words = new Uint32Array(number.buffer);
/** Which of the two words has the exponent depends on the machine. */
const HIGH = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 1 : 0;

/** 2^(k/8), from 1 to 2. */
const EDGES = Float64Array.from({ length: PER_DOUBLING + 1 }, (_, k) => 2 ** (k / PER_DOUBLING));

/** For the first seven bits of the fraction: how many edges are below every number that begins so. */
const BASES = Uint8Array.from(
  { length: 128 },
  (_, bits) => EDGES.filter((edge) => edge < 1 + bits / 128).length,
);

const LOWER_EDGES = Float64Array.from({ length: INDEX_COUNT + 1 }, (_, place) => {
  const index = indexOfPlace(place);
  const octave = Math.floor(index / PER_DOUBLING);
  return 2 ** octave * (EDGES[index - octave * PER_DOUBLING] as number);
});
