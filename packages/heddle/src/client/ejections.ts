/**
 * Outlier ejection for the instances of one channel: tells the detector how attempts end, wakes up when somebody's time
 * is over, and gives the call that decides on a return. Who is out is left out of the balancer's set by `Endpoints`.
 *
 * The call that tries an instance may fail where any other would not have. So the instance is asked for its load first, and
 * says then whether it still fails; and the call is one that may be repeated, if such a call comes soon. After a while it is
 * any first attempt.
 */
import { Code } from "@connectrpc/connect";
import type { Subchannel } from "../connection/subchannel.ts";
import { type AttemptVerdict, OutlierDetector } from "../resilience/outlier-ejection.ts";
import { type OutlierOptions, outlierSettings } from "../resilience/outlier-settings.ts";
import type { Standing } from "../resilience/outlier-standing.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Random } from "../runtime/random.ts";
import type { Timer, Timers } from "../runtime/timer.ts";
import type { AttemptOutcome, LoadReport } from "../balance/balancer.ts";
import type { ClientCall } from "./call.ts";
import { isOverloadAnswer } from "./overload.ts";

export interface EjectionsOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  /** Somebody left or came back. */
  readonly onChange: () => void;
}

export class Ejections {
  readonly #options: EjectionsOptions;
  readonly #standings = new Map<Subchannel, Standing>();
  readonly #trials = new Map<Standing, ClientCall>();
  /** Those that are due and have been asked how they are. */
  readonly #asked = new Set<Standing>();
  #detector: OutlierDetector | undefined;
  #timer: Timer | undefined;
  /** By detectors with other settings. */
  #madeBefore = 0;
  /** The instance that waits for the call which decides on its return. */
  trialDue: Subchannel | undefined = undefined;

  constructor(options: EjectionsOptions) {
    this.#options = options;
  }

  /** How often one was ejected. */
  get made(): number {
    return this.#madeBefore + (this.#detector?.made ?? 0);
  }

  /** False: nobody is ejected, and who is comes back. */
  configure(options: OutlierOptions | false): void {
    this.#madeBefore = this.made;
    this.#detector =
      options === false ? undefined : new OutlierDetector(outlierSettings(options), this.#options.random);
    this.#trials.clear();
    this.#asked.clear();
    const subchannels = [...this.#standings.keys()];
    this.#standings.clear();
    for (const subchannel of subchannels) {
      subchannel.standing = undefined;
      this.join(subchannel);
    }
    this.#changed();
  }

  join(subchannel: Subchannel): void {
    const standing = this.#detector?.join(subchannel.id);
    if (standing === undefined) return;
    subchannel.standing = standing;
    this.#standings.set(subchannel, standing);
  }

  leave(subchannel: Subchannel): void {
    const standing = this.#standings.get(subchannel);
    if (standing === undefined) return;
    this.#standings.delete(subchannel);
    this.#asked.delete(standing);
    this.#trials.delete(standing);
    this.#detector?.leave(standing);
    this.#arm();
  }

  /** Those that calls could go to. */
  resize(ready: readonly Subchannel[]): void {
    if (this.#detector === undefined) return;
    let unavailable = 0;
    for (const { unhealthy, silent, standing } of ready)
      if ((unhealthy || silent) && standing?.state === "in") unavailable++;
    this.#detector.resize(ready.length, unavailable);
  }

  isOut({ standing }: Subchannel): boolean {
    return standing !== undefined && standing.state !== "in";
  }

  /** Its connection is new. */
  reconnected(subchannel: Subchannel): void {
    const { standing } = subchannel;
    if (standing !== undefined && this.#detector?.reconnected(standing, this.#options.clock.now()) === true)
      this.#changed();
  }

  attemptEnded(
    call: ClientCall,
    standing: Standing,
    nowMs: number,
    latencyMs: number,
    outcome: AttemptOutcome,
  ): void {
    if (this.#detector === undefined) return;
    const isTrial = standing.state === "trying" && this.#trials.get(standing) === call;
    const isTimed = call.method.desc.methodKind === "unary";
    const verdict = outcome === "ok" ? outcome : verdictOf(call, outcome);
    if (this.#detector.ended(standing, nowMs, isTimed ? latencyMs : -1, verdict, isTrial)) this.#changed();
  }

  reported({ standing }: Subchannel, nowMs: number, report: LoadReport): void {
    if (standing === undefined || this.#detector === undefined) return;
    const { requestsPerSecond, errorsPerSecond } = report;
    if (this.#detector.reported(standing, nowMs, requestsPerSecond, errorsPerSecond)) this.#changed();
  }

  /** The instance that the call is to try, if it is the one for it. */
  takeTrial(call: ClientCall, nowMs: number): Subchannel | undefined {
    const subchannel = this.trialDue;
    const standing = subchannel?.standing;
    if (subchannel?.state !== "ready" || standing === undefined || this.#detector === undefined)
      return undefined;
    if (call.tried !== undefined || call.isHedge) return undefined;
    if (nowMs < standing.untilMs + ANSWER_MS) return undefined;
    const { baseEjectionMs } = this.#detector.settings;
    if (!isGoodTrial(call) && nowMs < standing.untilMs + baseEjectionMs) return undefined;
    this.#trials.set(standing, call);
    this.#detector.beginTrial(standing, nowMs);
    this.#changed();
    return subchannel;
  }

  close(): void {
    this.#timer?.cancel();
    this.#standings.clear();
    this.#trials.clear();
  }

  #changed(): void {
    this.#arm();
    this.#ask();
    this.#options.onChange();
  }

  #arm(): void {
    const { clock, timers } = this.#options;
    this.#timer?.cancel();
    const dueMs = this.#detector?.dueMs ?? Number.POSITIVE_INFINITY;
    this.#timer =
      dueMs === Number.POSITIVE_INFINITY
        ? undefined
        : timers.after(Math.max(0, dueMs - clock.now()), () => this.#pass());
    const standing = this.#detector?.trialDue;
    this.trialDue = standing === undefined ? undefined : this.#subchannelOf(standing);
  }

  /** How those are whose trial is due. */
  #ask(): void {
    for (const [subchannel, standing] of this.#standings) {
      if (standing.state !== "due") this.#asked.delete(standing);
      else if (!this.#asked.has(standing)) {
        this.#asked.add(standing);
        subchannel.probeLoad(this.#options.clock.now());
      }
    }
  }

  #pass(): void {
    this.#timer = undefined;
    if (this.#detector?.pass(this.#options.clock.now()) === true) this.#changed();
    else this.#arm();
  }

  #subchannelOf(wanted: Standing): Subchannel | undefined {
    for (const [subchannel, standing] of this.#standings) if (standing === wanted) return subchannel;
    return undefined;
  }
}

/** Time for the answer of one that is asked. Who does not report its load is tried after it as well. */
const ANSWER_MS = 20;

/** It may be made again if it fails, and ends before long. */
function isGoodTrial({ policy, method }: ClientCall): boolean {
  return policy.idempotent && method.desc.methodKind === "unary";
}

/** What speaks against the instance. That it is overloaded does not: others would have to bear what it bears. */
function verdictOf(call: ClientCall, outcome: AttemptOutcome): AttemptVerdict {
  const { error, sentAtMs, attemptStartedAtMs } = call;
  if (error?.code === Code.DeadlineExceeded) return sentAtMs >= attemptStartedAtMs ? "late" : "neither";
  if (error?.code === Code.ResourceExhausted || isOverloadAnswer(call)) return "ok";
  return outcome === "failed" ? "failed" : "neither";
}
