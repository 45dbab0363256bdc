/**
 * One more attempt of a unary call that is still under way: a call of its own to the layers below, with its own stream
 * and instance, on the request's bytes, deadline and trace of the call it belongs to.
 */
import type { Race } from "./call.ts";
import { UnaryCall, type UnaryCaller } from "./unary-call.ts";

export class HedgeAttempt extends UnaryCall {
  constructor(call: UnaryCall, race: Race) {
    super(call, NOBODY);
    this.race = race;
    this.isHedge = true;
    this.startedAtMs = call.startedAtMs;
    this.deadlineAtMs = call.deadlineAtMs;
    this.parent = call.parent;
    this.traceId = call.traceId;
    this.sampled = call.sampled;
    this.parentSpanId = call.parentSpanId;
    this.criticality = call.criticality;
    this.counts = call.counts;
    this.tried = call.tried;
    // They number it: the attempts of a call are counted through, whichever object makes them.
    this.attempts = call.attempts;
    this.unsentAttempts = call.unsentAttempts;
    this.attemptTimer = call.attemptTimer;
  }
}

/** Its outcome goes to the race. */
const NOBODY: UnaryCaller = { resolve() {}, reject() {} };
