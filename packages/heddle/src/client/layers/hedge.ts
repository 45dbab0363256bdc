/**
 * Sends a unary call that is slow to a second instance while the first still works on it, and takes the answer that
 * comes first. What is left of a tail that is made by chance (a pause of the collector, a cold cache, a queue on one
 * machine) is the time of two such accidents at once.
 *
 * What it costs is bounded three times: by the delay, which leaves only `maxExtraLoad` of the calls, by a count of
 * hedges to calls, and by what the channel allows for retries and hedges together. When the last says no (budget spent,
 * throttled, most calls fail), calls simply go on with the attempts they have.
 *
 * Sources: Dean and Barroso, "The Tail at Scale", CACM 2013;
 * https://github.com/grpc/proposal/blob/master/A6-client-retries.md ("Hedging Policy").
 */
import { HeddleError, isHeddleError } from "../../call/errors.ts";
import type { Method } from "../../contract/method.ts";
import { HedgeDelay } from "../../resilience/hedge-delay.ts";
import type { HedgePolicy } from "../../resilience/hedge-policy.ts";
import { isForbidden, MAX_ATTEMPTS } from "../../resilience/retry-policy.ts";
import type { Timer } from "../../runtime/timer.ts";
import type { ClientCall, Holder, Race } from "../call.ts";
import { HedgeAttempt } from "../hedge-attempt.ts";
import type { ClientLayer } from "../layer.ts";
import { pushbackOf } from "../pushback.ts";
import { UnaryCall } from "../unary-call.ts";

export const hedge: ClientLayer = {
  name: "hedge",
  does: "sends a slow unary call to a second instance as well, if its policy says so, and takes the first answer",
  order:
    "inside retry, which sees the attempts of a race as one; each of them chooses its own instance below",
  create: ({ clock, timers, allowance, endpoints }, link) => {
    const delays = new Map<Method, HedgeDelay>();

    function delayOf(method: Method, policy: HedgePolicy): HedgeDelay {
      const known = delays.get(method);
      if (known?.policy === policy) return known;
      const made = new HedgeDelay(policy);
      delays.set(method, made);
      return made;
    }

    /**
     * The attempts of one call that are under way at once. The call itself is the first of them; a hedge is an object
     * of its own, whose outcome the call takes over when it settles the race.
     */
    class HedgeRace implements Race, Holder {
      readonly #call: UnaryCall;
      readonly #delay: HedgeDelay;
      readonly #startedAtMs: number;
      readonly #delayMs: number | undefined;
      readonly #maxAttempts: number;
      /** With those of the races before, which retry has found lost. */
      readonly #maxInAll: number;
      readonly #running: UnaryCall[] = [];
      #sent = 1;
      #timer: Timer | undefined;
      /** The last that failed and left the others a chance. */
      #lastFailed: UnaryCall | undefined;
      #over = false;

      constructor(call: UnaryCall, policy: HedgePolicy) {
        this.#call = call;
        this.#running.push(call);
        this.#startedAtMs = call.attempts === 0 ? call.startedAtMs : clock.now();
        this.#delay = delayOf(call.method, policy);
        this.#maxAttempts = Math.min(policy.maxAttempts, MAX_ATTEMPTS);
        const { maxAttempts = 0 } = call.policy.retry ?? {};
        this.#maxInAll = Math.max(this.#maxAttempts, Math.min(maxAttempts, MAX_ATTEMPTS));
        this.#delayMs = this.#delay.callStarted(this.#startedAtMs);
        if (this.#delayMs !== undefined) this.#arm(this.#delayMs);
      }

      get instances(): string {
        return this.#running.map(({ subchannel }) => subchannel?.address ?? "none").join(" and ");
      }

      get usualMs(): number {
        return this.#delay.usualMs;
      }

      ended(attempt: UnaryCall): void {
        // One that lost: the layers below have let go of it, and nothing is left but its line in the record.
        if (this.#over) return this.#note(attempt);
        this.#running.splice(this.#running.indexOf(attempt), 1);
        if (this.#endsIt(attempt)) return this.#settle(attempt);
        this.#note(attempt);
        this.#lastFailed = attempt;
        if (isHeddleError(attempt.error) && attempt.error.retry === "unsent") this.#call.unsentAttempts++;
        if (attempt === this.#call) this.#call.holder = this;
        if (this.#running.length > 0) return;
        this.#call.phase = "backing off";
        endpoints.pausing.add(this.#call);
        this.#timer?.keepAlive(true);
      }

      /** The call is given up after its own attempt has ended, while others run or are to come. */
      abort(call: ClientCall): void {
        this.#stop();
        link.up(call);
      }

      #settle(attempt: UnaryCall): void {
        const call = this.#call;
        const { error } = attempt;
        const overtime = isHeddleError(error) && OVERTIME.has(error.reason);
        if (error === undefined || overtime) this.#delay.record(clock.now() - this.#startedAtMs);
        this.#stop();
        // It was noted when others had a chance, and now it is the one that decides.
        if (attempt === this.#lastFailed) call.earlier?.pop();
        call.holder = undefined;
        if (attempt !== call) {
          call.takeOver(attempt);
          call.counts?.hedgeWon();
        }
        link.up(call);
      }

      #stop(): void {
        this.#over = true;
        endpoints.pausing.delete(this.#call);
        this.#stopTimer();
        for (const attempt of this.#running.splice(0)) attempt.endAttempt(overtaken(attempt));
      }

      /**
       * Success ends the race, and so do failures that say the same of every attempt; others only when none runs and
       * nothing is to follow.
       */
      #endsIt(attempt: UnaryCall): boolean {
        const { error } = attempt;
        const { policy, aborted } = this.#call;
        if (error === undefined || aborted) return true;
        const known = isHeddleError(error) ? error : undefined;
        if (known?.retry === "unsent") return this.#running.length === 0;
        if (known?.retry === "never" || known?.reason === "attemptTimedOut") return true;
        if (!this.#delay.policy.nonFatalCodes.has(error.code)) return true;
        const pushbackMs = pushbackOf(attempt);
        if (isForbidden(pushbackMs)) this.#sendNoMore();
        // With a retry policy it is the layer outside that goes on when none runs any more; gRPC has one or the other.
        else if (policy.retry === undefined) this.#arm(pushbackMs ?? 0);
        const ends = this.#running.length === 0 && (policy.retry !== undefined || this.#timer === undefined);
        // What ends it is counted outside, where that knows the policy or hears the server forbid it.
        if (!ends || (policy.retry === undefined && !isForbidden(pushbackMs))) allowance.attemptFailed();
        return ends;
      }

      #arm(delayMs: number): void {
        this.#stopTimer();
        if (this.#sent < this.#maxAttempts) this.#timer = timers.after(delayMs, () => this.#onTimer());
      }

      /**
       * There may be another instance, or something to spend, in a while. Those that are stuck ask often: what there is
       * to spend is mostly gone to calls that were only a little slow.
       */
      #askLater(): void {
        if (this.#isUsedUp) return;
        const pastMs = clock.now() - this.#startedAtMs;
        this.#arm(Math.max(1, Math.min(pastMs, 2 * (this.#delayMs ?? pastMs))));
      }

      #stopTimer(): void {
        this.#timer?.cancel();
        this.#timer = undefined;
      }

      #sendNoMore(): void {
        this.#stopTimer();
        this.#sent = this.#maxAttempts;
      }

      #onTimer(): void {
        this.#timer = undefined;
        if (this.#maySend()) {
          if (this.#delayMs !== undefined) this.#arm(this.#delayMs);
          this.#send();
        } else if (this.#running.length === 0) this.#settle(this.#lastFailed ?? this.#call);
        else this.#askLater();
      }

      get #isUsedUp(): boolean {
        return this.#call.attempts - this.#call.unsentAttempts >= this.#maxInAll;
      }

      /** Whether there is another instance, time, and something left to spend; takes it out. */
      #maySend(): boolean {
        const call = this.#call;
        if (this.#isUsedUp) return false;
        for (const { subchannel } of this.#running) call.noteTried(subchannel);
        if (!endpoints.hasReadyBesides(call.tried)) return false;
        const nowMs = clock.now();
        if (nowMs + this.#delay.usualMs >= call.deadlineAtMs) return false;
        return this.#delay.tryWithdraw(nowMs) && allowance.ask(nowMs) === undefined;
      }

      #send(): void {
        this.#sent++;
        endpoints.pausing.delete(this.#call);
        if (this.#running.length === 0) this.#call.phase = "waiting for the answer";
        const attempt = new HedgeAttempt(this.#call, this);
        this.#call.attempts++;
        this.#call.counts?.hedged();
        this.#running.push(attempt);
        link.down(attempt);
      }

      #note(attempt: UnaryCall): void {
        const call = this.#call;
        call.noteTried(attempt.subchannel);
        call.earlier ??= [];
        call.earlier.push(attempt.describeAttempt(clock.now()));
      }
    }

    return {
      down(call) {
        const { hedge: policy } = call.policy;
        if (policy !== undefined && call instanceof UnaryCall) call.race = new HedgeRace(call, policy);
        link.down(call);
      },
      up(call) {
        if (call.race === undefined) return link.up(call);
        call.race.ended(call);
      },
    };
  },
};

/** Ends of an attempt that are a measure of how long it takes. */
const OVERTIME: ReadonlySet<string> = new Set(["deadlineExceeded", "attemptTimedOut"]);

function overtaken({ method }: ClientCall): HeddleError {
  return new HeddleError("cancelled", {
    method: method.name,
    reason: "the call was over before this attempt of it was",
  });
}
