/**
 * How much the silence of a peer means, as a number instead of a yes or no: φ is minus the decimal logarithm of the
 * probability that an answer is only late, judged by how long its answers have taken so far. At φ = 8 one suspicion in a
 * hundred million is wrong, if answers go on as they did.
 * Source: N. Hayashibara et al., "The φ Accrual Failure Detector", SRDS 2004. The formula for the tail of the normal
 * distribution is the logistic one that Akka uses (`PhiAccrualFailureDetector.scala`).
 *
 * Two bounds keep it honest where history is too good. A deviation is never taken for less than `minDeviationMs`, or
 * a peer that answered a thousand times within 1 ms would be suspected at 3. And `acceptablePauseMs` is what a process may
 * stand still, such as for collecting garbage, without anybody having seen it do so.
 */
export interface PhiAccrualOptions {
  /** φ from which on a peer is suspected. Default 8. */
  readonly threshold?: number;
  /** In ms. Default 100. */
  readonly minDeviationMs?: number;
  /** In ms. Default 250: two pauses of the garbage collector in a row, with room. */
  readonly acceptablePauseMs?: number;
  /** What the first answer is expected to take, in ms: half of it counts as its deviation. Default 200. */
  readonly firstEstimateMs?: number;
  /** Answers that are remembered. Default 100. */
  readonly samples?: number;
}

export class PhiAccrual {
  readonly #minDeviationMs: number;
  readonly #acceptablePauseMs: number;
  /** How many deviations beyond the mean the threshold is. */
  readonly #deviations: number;
  /** A ring: the oldest gives way. */
  readonly #samples: number[];
  readonly #capacity: number;
  #next = 0;
  #sum = 0;
  #sumOfSquares = 0;

  constructor({
    threshold = 8,
    minDeviationMs = 100,
    acceptablePauseMs = 250,
    firstEstimateMs = 200,
    samples = 100,
  }: PhiAccrualOptions = {}) {
    this.#minDeviationMs = minDeviationMs;
    this.#acceptablePauseMs = acceptablePauseMs;
    this.#deviations = deviationsAt(threshold);
    this.#capacity = Math.max(2, samples);
    this.#samples = [];
    this.sample(firstEstimateMs * 0.5);
    this.sample(firstEstimateMs * 1.5);
  }

  /** An answer took so long. */
  sample(tookMs: number): void {
    const gone = this.#samples[this.#next] ?? 0;
    this.#samples[this.#next] = tookMs;
    this.#next = (this.#next + 1) % this.#capacity;
    this.#sum += tookMs - gone;
    this.#sumOfSquares += tookMs * tookMs - gone * gone;
    // What additions and subtractions have rounded away would grow for as long as the connection lasts.
    if (this.#next === 0) this.#addUp();
  }

  /** How suspicious it is that an answer has not come for so long: 0 for not at all. */
  phi(waitedMs: number): number {
    return phiOf((waitedMs - this.#expectedMs) / this.#deviationMs);
  }

  /** The silence after which φ is at the threshold, in ms. */
  get suspectAfterMs(): number {
    return this.#expectedMs + this.#deviations * this.#deviationMs;
  }

  get #expectedMs(): number {
    return this.#sum / this.#samples.length + this.#acceptablePauseMs;
  }

  get #deviationMs(): number {
    const { length } = this.#samples;
    const mean = this.#sum / length;
    const variance = Math.max(0, this.#sumOfSquares / length - mean * mean);
    return Math.max(this.#minDeviationMs, Math.sqrt(variance));
  }

  #addUp(): void {
    this.#sum = 0;
    this.#sumOfSquares = 0;
    for (const ms of this.#samples) {
      this.#sum += ms;
      this.#sumOfSquares += ms * ms;
    }
  }
}

/** φ at so many deviations beyond what is expected. */
function phiOf(deviations: number): number {
  const exponent = deviations * (1.5976 + 0.070566 * deviations * deviations);
  // log10(1 + e^x), in the form that neither overflows nor loses what is small.
  return exponent > 0
    ? (exponent + Math.log1p(Math.exp(-exponent))) / Math.LN10
    : Math.log1p(Math.exp(exponent)) / Math.LN10;
}

/** The inverse, by halving: φ grows with the deviations. */
function deviationsAt(threshold: number): number {
  if (threshold === Number.POSITIVE_INFINITY) return threshold;
  let [low, high] = [-40, 40];
  while (high - low > 1e-9) {
    const middle = (low + high) / 2;
    if (phiOf(middle) < threshold) low = middle;
    else high = middle;
  }
  return high;
}
