/**
 * The simulator: clients with a balancer each, replicas that do work, a network between them, and virtual time.
 * Balancers and load meters are those of production, driven through the same seam; nothing here knows what they
 * decide. The same trace and policy give the same outcome to the last bit, on every machine.
 *
 * What is known beforehand (calls, deadlines, changes of capacity) is in time order already and is read from the
 * trace; only what follows from decisions goes through the event heap.
 */
import type { AttemptOutcome } from "../balance/balancer.ts";
import type { LoadMeter } from "../balance/load-meter.ts";
import { type Client, createClients } from "./clients.ts";
import { drawNormal } from "./distributions.ts";
import { createEventHeap } from "./event-heap.ts";
import { createFleet, type Fleet } from "./fleet.ts";
import type { CapacityChange } from "./machines.ts";
import type { Outcome } from "./outcome.ts";
import { createProbes } from "./probes.ts";
import { createRandomStreams } from "./random-streams.ts";
import { createReportSlots } from "./report-slots.ts";
import type { Scenario } from "./scenario.ts";
import type { ServerModel } from "./server-model.ts";
import type { SimulatedCandidate, SimulatedPolicy } from "./simulated-policy.ts";
import { createTally } from "./tally.ts";
import type { Trace } from "./trace.ts";

export interface SimulationHooks {
  /** Called every 100 ms of virtual time, for tests that look inside. */
  onSample?(nowNs: number, fleet: Fleet, clients: readonly Client[]): void;
}

/** What is in the event heap, and what its two numbers are. */
const callArrives = 0; // call
const replicaSteps = 1; // replica, generation of its alarm
const answerArrives = 2; // call, report
const probeArrives = 3; // probe
const probeAnswered = 4; // probe, report
const cancelArrives = 5; // call
const errorIsMade = 6; // call

/** Bits of what a call has been through. */
const endedAtClient = 1;
const inReplica = 2;
const isError = 4;

/** As a server does: not every answer carries a report. */
const reportEveryNs = 10e6;
const sampleNs = 100e6;
/** Samples in which use of cores is counted together: a second. */
const samplesPerSecond = 10;

/** Runs one policy through one trace, which must have been drawn from the same scenario. */
export function simulate(
  scenario: Scenario,
  trace: Trace,
  policy: SimulatedPolicy,
  hooks: SimulationHooks = {},
): Outcome {
  const { network, failing, cancels, probeWorkMs } = scenario;
  const { atNs, client: callerOf, workNs, thereNs, backNs, capacity } = trace;
  const calls = atNs.length;
  const deadlineNs = scenario.deadlineMs * 1e6;
  const probeTimeoutNs = scenario.probeTimeoutMs * 1e6;
  const oneWayNs = (network.roundTripMs / 2) * 1e6;

  const streams = createRandomStreams(trace.seed);
  const probeRandom = streams("probes");
  const fleet = createFleet(scenario);
  const clients = createClients(scenario, policy, fleet, streams);
  const heap = createEventHeap();
  const reports = createReportSlots();
  const probes = createProbes();
  const tally = createTally(scenario);

  const replicaOf = new Int32Array(calls);
  const state = new Uint8Array(calls);
  const arrivedNs = new Float64Array(calls);
  const tagOf = new Int32Array(calls);
  const reportDueNs = new Float64Array(scenario.clients * scenario.replicas);
  const usedInSecond = new Float64Array(scenario.replicas);

  let nowNs = 0;
  let events = 0;
  let nextCall = 0;
  /** Every call has the same time to live, so that deadlines pass in the order of the calls. */
  let nextDeadline = 0;
  let nextChange = 0;
  let samples = 0;

  function setAlarm(replica: number, server: ServerModel): void {
    const nextNs = server.nextNs;
    if (nextNs === fleet.alarmNs[replica]) return;
    fleet.alarmNs[replica] = nextNs;
    const generation = ((fleet.alarmGeneration[replica] as number) + 1) | 0;
    fleet.alarmGeneration[replica] = generation;
    if (nextNs !== Number.POSITIVE_INFINITY) heap.add(nextNs, replicaSteps, replica, generation);
  }

  function sendCall(call: number): void {
    const caller = callerOf[call] as number;
    const { balancer } = clients[caller] as Client;
    const nowMs = nowNs / 1e6;
    const chosen = balancer.pick(undefined, nowMs, Math.imul(call + 1, 0x9e3779b1));
    if (chosen === undefined) throw new Error(`${policy.name} picked nobody at ${nowMs} ms`);
    chosen.inFlight++;
    replicaOf[call] = chosen.replica;
    fleet.assigned[chosen.replica] = (fleet.assigned[chosen.replica] as number) + 1;
    heap.add(nowNs + (thereNs[call] as number), callArrives, call, 0);
    if (balancer.probeTargets === undefined) return;
    const targets = balancer.probeTargets(nowMs);
    for (let i = 0; i < targets.length; i++) sendProbe(caller, (targets[i] as SimulatedCandidate).replica);
  }

  function sendProbe(client: number, replica: number): void {
    if (tally.counts(nowNs)) tally.probes++;
    if (network.probeLoss > 0 && probeRandom.next() < network.probeLoss) return;
    heap.add(nowNs + drawOneWayNs(), probeArrives, probes.add(client, replica, nowNs), 0);
  }

  function drawOneWayNs(): number {
    return network.jitter === 0
      ? oneWayNs
      : Math.round(oneWayNs * Math.exp(network.jitter * drawNormal(probeRandom)));
  }

  function acceptCall(call: number): void {
    const replica = replicaOf[call] as number;
    // Given up on the way: what arrives dead is not begun.
    if (cancels && has(call, endedAtClient)) return leave(replica);
    state[call] = (state[call] as number) | inReplica;
    arrivedNs[call] = nowNs;
    tagOf[call] = (fleet.meters[replica] as LoadMeter).arrived(nowNs / 1e6);
    if (failing !== undefined && fleet.isFailing(replica, nowNs / 1e6)) {
      state[call] = (state[call] as number) | isError;
      heap.add(nowNs + failing.afterMs * 1e6, errorIsMade, call, 0);
      return;
    }
    const server = fleet.servers[replica] as ServerModel;
    server.start(call, workNs[call] as number, nowNs);
    setAlarm(replica, server);
  }

  function acceptProbe(probe: number): void {
    if (probeWorkMs === 0) return answerProbe(probe);
    const replica = probes.replicaOf(probe);
    const server = fleet.servers[replica] as ServerModel;
    server.start(calls + probe, probeWorkMs * 1e6, nowNs);
    setAlarm(replica, server);
  }

  function stepReplica(replica: number, generation: number): void {
    if (fleet.alarmGeneration[replica] !== generation) return;
    const server = fleet.servers[replica] as ServerModel;
    const job = server.step(nowNs);
    fleet.alarmNs[replica] = Number.NaN;
    setAlarm(replica, server);
    if (job < 0) return;
    if (job >= calls) return answerProbe(job - calls);
    // It went on for nobody.
    const isLate = has(job, endedAtClient);
    if (isLate && tally.counts(atNs[job] as number)) tally.lateWorkNs += workNs[job] as number;
    endInReplica(job, isLate ? "cancelled" : "ok");
    if (!isLate) answerCall(job);
  }

  function cancelInReplica(call: number): void {
    // What a failing replica holds is about to end by itself.
    if (!has(call, inReplica) || has(call, isError)) return;
    const replica = replicaOf[call] as number;
    const server = fleet.servers[replica] as ServerModel;
    server.withdraw(call, nowNs);
    setAlarm(replica, server);
    endInReplica(call, "cancelled");
  }

  function endInReplica(call: number, outcome: AttemptOutcome): void {
    const replica = replicaOf[call] as number;
    state[call] = (state[call] as number) & ~inReplica;
    leave(replica);
    const tookMs = (nowNs - (arrivedNs[call] as number)) / 1e6;
    (fleet.meters[replica] as LoadMeter).ended(nowNs / 1e6, tookMs, tagOf[call] as number, outcome);
  }

  function leave(replica: number): void {
    fleet.assigned[replica] = (fleet.assigned[replica] as number) - 1;
  }

  function answerCall(call: number): void {
    const caller = callerOf[call] as number;
    const replica = replicaOf[call] as number;
    const report =
      (clients[caller] as Client).balancer.reported && isReportDue(caller, replica)
        ? writeReport(replica)
        : -1;
    heap.add(nowNs + (backNs[call] as number), answerArrives, call, report);
  }

  function isReportDue(client: number, replica: number): boolean {
    const connection = client * scenario.replicas + replica;
    if (nowNs < (reportDueNs[connection] as number)) return false;
    reportDueNs[connection] = nowNs + reportEveryNs;
    return true;
  }

  function answerProbe(probe: number): void {
    heap.add(nowNs + drawOneWayNs(), probeAnswered, probe, writeReport(probes.replicaOf(probe)));
  }

  function writeReport(replica: number): number {
    return reports.put((fleet.meters[replica] as LoadMeter).report(nowNs / 1e6));
  }

  function acceptAnswer(call: number, report: number): void {
    if (!has(call, endedAtClient)) endAtClient(call, has(call, isError) ? "failed" : "ok");
    if (report >= 0) acceptReport(callerOf[call] as number, replicaOf[call] as number, report, false);
  }

  function acceptProbeAnswer(probe: number, report: number): void {
    if (nowNs - probes.sentNs(probe) <= probeTimeoutNs) {
      acceptReport(probes.clientOf(probe), probes.replicaOf(probe), report, true);
    } else reports.take(report);
    probes.free(probe);
  }

  function acceptReport(client: number, replica: number, report: number, probed: boolean): void {
    const { balancer, candidates } = clients[client] as Client;
    const candidate = candidates[replica] as SimulatedCandidate;
    balancer.reported?.(candidate, nowNs / 1e6, reports.take(report), probed);
  }

  function passDeadline(call: number): void {
    if (has(call, endedAtClient)) return;
    // As in production: that nobody waits any longer says only how long it has not answered.
    endAtClient(call, "cancelled");
    if (cancels) heap.add(nowNs + (thereNs[call] as number), cancelArrives, call, 0);
  }

  function endAtClient(call: number, outcome: AttemptOutcome): void {
    const { balancer, candidates } = clients[callerOf[call] as number] as Client;
    const candidate = candidates[replicaOf[call] as number] as SimulatedCandidate;
    state[call] = (state[call] as number) | endedAtClient;
    candidate.inFlight--;
    const startedNs = atNs[call] as number;
    const tookMs = (nowNs - startedNs) / 1e6;
    balancer.ended?.(candidate, nowNs / 1e6, tookMs, outcome);
    if (!tally.counts(startedNs)) return;
    tally.calls++;
    if (outcome === "ok") {
      tally.usefulWorkNs += workNs[call] as number;
      tally.latencyMs.add(tookMs);
    } else {
      tally.failed++;
      if (has(call, isError)) tally.failedFast++;
      tally.latencyMs.add(scenario.deadlineMs);
    }
  }

  function has(call: number, bit: number): boolean {
    return ((state[call] as number) & bit) !== 0;
  }

  function takeEvent(): void {
    heap.take();
    const { a, b } = heap;
    switch (heap.kind) {
      case callArrives:
        return acceptCall(a);
      case replicaSteps:
        return stepReplica(a, b);
      case answerArrives:
        return acceptAnswer(a, b);
      case probeArrives:
        return acceptProbe(a);
      case probeAnswered:
        return acceptProbeAnswer(a, b);
      case cancelArrives:
        return cancelInReplica(a);
      case errorIsMade:
        endInReplica(a, "failed");
        return answerCall(a);
    }
  }

  function sample(): void {
    samples++;
    const counted = tally.counts(nowNs);
    fleet.sample(nowNs, (replica, utilization) => {
      if (counted) tally.inFlight.add((fleet.meters[replica] as LoadMeter).requestsInFlight);
      usedInSecond[replica] = (usedInSecond[replica] as number) + utilization / samplesPerSecond;
      if (samples % samplesPerSecond !== 0) return;
      if (counted) tally.utilization.add(usedInSecond[replica] as number);
      usedInSecond[replica] = 0;
    });
    hooks.onSample?.(nowNs, fleet, clients);
  }

  function changeCapacity(change: CapacityChange): void {
    fleet.setCapacity(change, nowNs);
    setAlarm(change.replica, fleet.servers[change.replica] as ServerModel);
  }

  // Ends when every call has been answered or given up, whatever replicas may still be doing.
  while (nextDeadline < calls) {
    const changeNs = nextChange < capacity.length ? (capacity[nextChange] as CapacityChange).atNs : Infinity;
    const sampleAtNs = (samples + 1) * sampleNs;
    const callNs = nextCall < calls ? (atNs[nextCall] as number) : Infinity;
    const deadlineAtNs = (atNs[nextDeadline] as number) + deadlineNs;
    const eventNs = heap.nextNs;
    nowNs = Math.min(changeNs, sampleAtNs, callNs, deadlineAtNs, eventNs);
    events++;
    if (nowNs === changeNs) changeCapacity(capacity[nextChange++] as CapacityChange);
    else if (nowNs === eventNs) takeEvent();
    else if (nowNs === callNs) sendCall(nextCall++);
    else if (nowNs === deadlineAtNs) passDeadline(nextDeadline++);
    else sample();
    while (nextDeadline < nextCall && has(nextDeadline, endedAtClient)) nextDeadline++;
  }

  return {
    scenario: scenario.name,
    policy: policy.name,
    seed: trace.seed,
    traceHash: trace.hash,
    calls: tally.calls,
    failed: tally.failed,
    failedFast: tally.failedFast,
    latencyMs: tally.latencyMs,
    inFlight: tally.inFlight,
    utilization: tally.utilization,
    probes: tally.probes / Math.max(1, tally.calls),
    workAmplification: (tally.usefulWorkNs + tally.lateWorkNs) / Math.max(1, tally.usefulWorkNs),
    events,
  };
}
