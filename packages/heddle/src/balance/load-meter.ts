/**
 * The callee's half of Prequal (Wydrowski et al., "Load is not what you should balance: Introducing Prequal", NSDI
 * 2024, §4): what an instance says of its load. It counts the calls in flight (RIF) and keeps how long the last ones
 * took, each tagged with the RIF that it met on arrival. The latency in a report is what a call arriving now should
 * expect: the median of the newest samples whose tag is near the present RIF.
 *
 * Where there are too few near, samples of the nearest RIFs are scaled by (rif + 1) / (tag + 1): right after a jump of
 * the RIF only calls from before it have finished, and their latency would look like that of an idle instance.
 * Cancelled calls leave the count like any other (a count that leaks looks like load for ever), and failed ones are
 * no samples, since to fail at once is not to be fast. Where an instance drowns, the few calls that still finish are those
 * that had nothing to do; therefore the latency is never less than half of what the calls in flight have lasted already.
 *
 * A pure machine: time is an argument. Count from the moment that a call is received to its answer, waiting included.
 */
import type { AttemptOutcome, LoadReport } from "./balancer.ts";

export interface LoadMeterOptions {
  /** Samples kept. Default 128. */
  history?: number;
  /** Newest samples near the present RIF that make the median. Default 9. */
  medianOf?: number;
  /** Samples older than this count only when there are no others. Default 1000. */
  freshMs?: number;
  /** Time over which the rates per second are averaged. Default 10 000. */
  rateMs?: number;
}

export interface LoadMeter {
  readonly requestsInFlight: number;
  /** A call was received, `nowMs` being when. Returns its tag, to be given back when it ends. */
  arrived(nowMs: number): number;
  /** It ended, `latencyMs` after it was received. "failed": in a way that speaks against the instance. */
  ended(nowMs: number, latencyMs: number, tag: number, outcome: AttemptOutcome): void;
  /** It ended at about `nowMs`, and how long it took was not measured: it is no sample. `arrivedMs` as told to `arrived`. */
  endedUntimed(nowMs: number, arrivedMs: number, outcome: AttemptOutcome): void;
  /** What the instance uses of what it can, 0…1, as measured outside. -1 (the default): unknown. */
  utilization: number;
  report(nowMs: number): LoadReport;
}

export function createLoadMeter(options: LoadMeterOptions = {}): LoadMeter {
  const { history = 128, medianOf = 9, freshMs = 1000, rateMs = 10_000 } = options;
  const latencies = new Float64Array(history);
  const tags = new Int32Array(history);
  const times = new Float64Array(history);
  const chosen = new Float64Array(medianOf);
  let samples = 0;
  let requestsInFlight = 0;
  /** Of the calls in flight. */
  let sumOfArrivalsMs = 0;
  const requests = createRate(rateMs);
  /** Share of the last ones that failed: by number, for the rates fade alike and would keep the share of better days. */
  let failedShare = 0;

  /**
   * The newest fresh ones with a tag near `rif`, into `chosen`: how many there are. With fewer than three the reach is
   * widened, for a single call may by chance have had nothing to do; what lies beyond the first reach is scaled.
   */
  function chooseNear(nowMs: number, rif: number): number {
    const first = Math.max(0, samples - history);
    const near = Math.max(1, Math.floor(rif / 4));
    for (let reach = near; ; reach *= 2) {
      let count = 0;
      let isAnyBeyond = false;
      for (let n = samples - 1; n >= first && count < medianOf; n--) {
        const i = n % history;
        if (nowMs - (times[i] as number) > freshMs) break;
        const tag = tags[i] as number;
        const distance = Math.abs(tag - rif);
        if (distance > reach) isAnyBeyond = true;
        else chosen[count++] = (latencies[i] as number) * (distance > near ? (rif + 1) / (tag + 1) : 1);
      }
      if (count >= leastSamples || !isAnyBeyond) return count;
    }
  }

  /** The sample of the nearest RIF, fresh ones first, newest first among equals, scaled; -1 when there is none. */
  function scaleNearest(nowMs: number, rif: number): number {
    const first = Math.max(0, samples - history);
    let best = -1;
    let bestDistance = Number.POSITIVE_INFINITY;
    for (let n = samples - 1; n >= first; n--) {
      const i = n % history;
      if (best >= 0 && nowMs - (times[i] as number) > freshMs) break;
      const distance = Math.abs((tags[i] as number) - rif);
      if (distance >= bestDistance) continue;
      best = i;
      bestDistance = distance;
    }
    return best < 0 ? -1 : ((latencies[best] as number) * (rif + 1)) / ((tags[best] as number) + 1);
  }

  function leave(arrivedMs: number): void {
    if (requestsInFlight === 0) return;
    requestsInFlight--;
    sumOfArrivalsMs -= arrivedMs;
  }

  function note(nowMs: number, outcome: AttemptOutcome): void {
    // What has been done counts, not what has been asked for: by arrivals the busiest would look the most productive.
    if (outcome === "cancelled") return;
    requests.count(nowMs);
    failedShare += ((outcome === "failed" ? 1 : 0) - failedShare) / shareOf;
  }

  const meanAge = (nowMs: number) =>
    requestsInFlight === 0 ? 0 : nowMs - sumOfArrivalsMs / requestsInFlight;

  return {
    utilization: -1,

    get requestsInFlight() {
      return requestsInFlight;
    },

    arrived(nowMs) {
      if (requestsInFlight === 0) sumOfArrivalsMs = 0;
      sumOfArrivalsMs += nowMs;
      return requestsInFlight++;
    },

    ended(nowMs, latencyMs, tag, outcome) {
      leave(nowMs - latencyMs);
      note(nowMs, outcome);
      if (outcome !== "ok" || !(latencyMs >= 0)) return;
      const i = samples++ % history;
      latencies[i] = latencyMs;
      tags[i] = tag;
      times[i] = nowMs;
    },

    endedUntimed(nowMs, arrivedMs, outcome) {
      leave(arrivedMs);
      note(nowMs, outcome);
    },

    report(nowMs) {
      const near = chooseNear(nowMs, requestsInFlight);
      const finishedMs = near > 0 ? median(chosen, near) : scaleNearest(nowMs, requestsInFlight);
      const requestsPerSecond = requests.perSecond(nowMs);
      return {
        requestsInFlight,
        latencyMs: samples === 0 ? -1 : Math.max(finishedMs, meanAge(nowMs) / 2),
        utilization: this.utilization,
        requestsPerSecond,
        errorsPerSecond: failedShare * requestsPerSecond,
      };
    },
  };
}

const leastSamples = 3;
const shareOf = 32;

/** Of the first `count` values, which it sorts: few, hence by insertion. */
function median(values: Float64Array, count: number): number {
  for (let i = 1; i < count; i++) {
    const value = values[i] as number;
    let at = i;
    while (at > 0 && (values[at - 1] as number) > value) {
      values[at] = values[at - 1] as number;
      at--;
    }
    values[at] = value;
  }
  const upper = values[count >> 1] as number;
  return count % 2 === 1 ? upper : ((values[(count >> 1) - 1] as number) + upper) / 2;
}

/** Events per second, forgotten exponentially. It starts with its first event and is right from then on. */
function createRate(windowMs: number) {
  let weight = 0;
  let atMs = 0;
  let startMs = Number.NaN;

  function decay(nowMs: number): void {
    if (!(nowMs > atMs)) return;
    weight *= Math.exp((atMs - nowMs) / windowMs);
    atMs = nowMs;
  }

  return {
    count(nowMs: number): void {
      if (Number.isNaN(startMs)) atMs = startMs = nowMs;
      decay(nowMs);
      weight++;
    },
    perSecond(nowMs: number): number {
      if (Number.isNaN(startMs)) return 0;
      decay(nowMs);
      // Less than a second would make a single first call look like a storm.
      const seenMs = Math.max(1000, atMs - startMs);
      return (weight * 1000) / (windowMs * (1 - Math.exp(-seenMs / windowMs)));
    },
  };
}
