/**
 * Every instance of a fleet is restarted again and again under 80 % load, a tenth of the times without a warning. `npm test`
 * does it once, `npm run test:real` the twenty times that the promise speaks of. How long calls take meanwhile is measured
 * by `npm run bench -- restart`.
 */
import { createMesh } from "heddle";
import { startControlPlane } from "heddle/control";
import { createSeededRandom } from "heddle/testing";
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { Traffic } from "../kit/traffic.ts";
import { within } from "../kit/within.ts";

export interface RollingRestart {
  readonly instances: number;
  /** Of each instance. */
  readonly restarts: number;
  readonly seed: number;
}

/** Of one instance: 100 calls a second. */
const SLOTS = 4;
const WORK_MS = 40;
const LOAD = 0.8;

export async function surviveRestarts(
  t: TestContext,
  { instances, restarts, seed }: RollingRestart,
): Promise<void> {
  const plane = await startControlPlane({ listen: "127.0.0.1:0", warmUpMs: 1 });
  t.after(() => plane[Symbol.asyncDispose]());
  const members = Array.from({ length: instances }, (_, i) => new Member(`worker-${i}`, plane.address));
  t.after(() => Promise.all(members.map((member) => member.stop("SIGKILL"))));
  await Promise.all(members.map((member) => member.start()));
  const mesh = await createMesh({ registry: plane.address, stateFolder: false, onWarning: () => {} });
  t.after(() => mesh.close({ drainMs: 0 }));
  const perSecond = (instances * SLOTS * 1000 * LOAD) / WORK_MS;
  const traffic = new Traffic(mesh.client(EchoService), { perSecond, workMs: 0 });
  t.after(() => traffic.stop());
  for (const { name } of members) await traffic.more(20, name);

  const signals = signalsFor(instances * restarts, seed);
  for (let round = 0; round < restarts; round++) {
    for (const member of members) {
      await member.stop(signals.pop() ?? "SIGTERM");
      await member.start();
      // Its successor is known and takes part before the next one goes.
      await traffic.more(5, member.name);
      assert.deepEqual(traffic.failures, [], `${member.name}, round ${round}`);
    }
  }
  await traffic.stop();
  assert.deepEqual(traffic.failures, []);
}

/** How each restart begins: a tenth with SIGKILL, at least one, in an order of the seed's. */
function signalsFor(count: number, seed: number): NodeJS.Signals[] {
  const random = createSeededRandom(seed);
  const kills = Math.max(1, Math.round(count / 10));
  const signals: NodeJS.Signals[] = Array.from({ length: count }, (_, i) =>
    i < kills ? "SIGKILL" : "SIGTERM",
  );
  for (let i = count - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [signals[i], signals[j]] = [signals[j] as NodeJS.Signals, signals[i] as NodeJS.Signals];
  }
  return signals;
}

/** One instance through all its processes. */
class Member {
  readonly name: string;
  readonly #registry: string;
  #child: ChildProcess | undefined;

  constructor(name: string, registry: string) {
    this.name = name;
    this.#registry = registry;
  }

  async start(): Promise<void> {
    const program = fileURLToPath(new URL("../kit/worker-process.ts", import.meta.url));
    const child = spawn(process.execPath, [program], {
      env: {
        ...process.env,
        HEDDLE_REGISTRY: this.#registry,
        HEDDLE_INSTANCE: this.name,
        HEDDLE_LISTEN: "127.0.0.1:0",
        WORKER_SLOTS: String(SLOTS),
        WORKER_MS: String(WORK_MS),
      },
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#child = child;
    await within(once(child.stdout, "data"), `the start of ${this.name}`, 30_000);
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await within(gone, `the end of ${this.name} after ${signal}`, 30_000);
  }
}
