/** A thread of the balance suite: runs the simulations that it is sent, one after another. */
import { parentPort } from "node:worker_threads";
import { drawTrace, type Scenario, simulate, type Trace } from "heddle/simulate";
import { toPolicy } from "./contestants.ts";
import { type Study, studies } from "./studies.ts";
import type { Job, Run } from "./suite.ts";

if (parentPort === null) throw new Error("worker.ts is a thread of the balance suite");
const port = parentPort;

/** Of the last job: policies of one seed come one after another, and share it. */
let last: { key: string; trace: Trace } | undefined;

port.on("message", (job: Job) => {
  const scenario = toScenario(job);
  const key = `${job.study} ${job.cell} ${job.seed}`;
  if (last?.key !== key) last = { key, trace: drawTrace(scenario, job.seed) };
  const startedUs = process.threadCpuUsage().user;
  const outcome = simulate(scenario, last.trace, toPolicy(job.policy));
  const run: Run = {
    ...job,
    traceHash: outcome.traceHash,
    calls: outcome.calls,
    failed: outcome.failed,
    failedFast: outcome.failedFast,
    quantilesMs: [0.5, 0.9, 0.99, 0.999].map((q) => outcome.latencyMs.quantile(q)),
    inFlightP99: outcome.inFlight.quantile(0.99),
    probes: outcome.probes,
    workAmplification: outcome.workAmplification,
    events: outcome.events,
    cpuMs: (process.threadCpuUsage().user - startedUs) / 1000,
  };
  port.postMessage(run);
});

function toScenario({ study, cell, timing }: Job): Scenario {
  const { cells }: Study = studies[study];
  const scenario = cells[cell];
  if (scenario === undefined) throw new RangeError(`study ${study} has no cell "${cell}"`);
  return {
    ...scenario,
    warmUpMs: timing.warmUpMs ?? scenario.warmUpMs,
    measureMs: timing.measureMs ?? scenario.measureMs,
  };
}
