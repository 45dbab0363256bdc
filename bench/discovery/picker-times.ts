/**
 * From a registration to the pickers of all who call: an instance comes and goes, a hundred channels follow its service,
 * and each round's time ends when the last of their pickers has it, connected, or has it no more.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { PickerTasks } from "./pickers.ts";
import type { RegistrantTasks } from "./registrants.ts";
import { startWorker, type Worker } from "./worker.ts";

/** In ms. */
export interface PickerFigures {
  /** From the registration to each picker, and to the last. */
  readonly come: readonly number[];
  readonly comeLast: readonly number[];
  /** From the deregistration. */
  readonly go: readonly number[];
  readonly goLast: readonly number[];
}

export interface PickerOptions {
  readonly registries: readonly { readonly url: string; readonly registrant: Worker<RegistrantTasks> }[];
  readonly calleeAddress: string;
  /** Channels to each registry. */
  readonly pickers: number;
  readonly rounds: number;
  readonly onProgress: (text: string) => void;
}

const SERVICE = "visited";
/** Instances that stay. */
const STANDING = 10;
const PICKER_PROCESSES = 2;
const PAUSE_MS = 120;

interface Following {
  readonly registrant: Worker<RegistrantTasks>;
  readonly pickers: readonly Worker<PickerTasks>[];
  readonly figures: { come: number[]; comeLast: number[]; go: number[]; goLast: number[] };
}

/** The figures of each registry, in the order given; the registries in turns. */
export async function measurePickers(options: PickerOptions): Promise<readonly PickerFigures[]> {
  const { registries, calleeAddress: address, pickers: count, rounds } = options;
  await using owned = new AsyncDisposableStack();
  const followings: Following[] = [];
  for (const { url, registrant } of registries) {
    for (let i = 0; i < STANDING; i++)
      await registrant.ask("come", { id: `standing-${i}`, service: SERVICE, address });
    const pickers: Worker<PickerTasks>[] = [];
    for (let i = 0; i < PICKER_PROCESSES; i++) {
      const worker = owned.use(await startWorker<PickerTasks>("pickers.ts"));
      await worker.ask("open", { url, service: SERVICE, count: count / PICKER_PROCESSES });
      pickers.push(worker);
    }
    options.onProgress(`${count} channels on ${new URL(url).protocol}`);
    followings.push({ registrant, pickers, figures: { come: [], comeLast: [], go: [], goLast: [] } });
  }
  // The first rounds compile.
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++)
    for (const following of followings) await visit(following, `visitor-${round}`, address, round >= 0);
  options.onProgress("pickers measured");
  return followings.map(({ figures }) => figures);
}

const WARM_UP_ROUNDS = 5;

async function visit(
  { registrant, pickers, figures }: Following,
  id: string,
  address: string,
  counts: boolean,
): Promise<void> {
  const timesOf = async (present: boolean, beganAtNs: number) => {
    const atNs = await Promise.all(pickers.map((worker) => worker.ask("timesOf", { id, present })));
    return atNs.flat().map((time) => (time - beganAtNs) / 1e6);
  };
  await delay(PAUSE_MS);
  const come = await timesOf(true, await registrant.ask("come", { id, service: SERVICE, address }));
  await delay(PAUSE_MS);
  const go = await timesOf(false, await registrant.ask("go", { id }));
  if (!counts) return;
  figures.come.push(...come);
  figures.comeLast.push(Math.max(...come));
  figures.go.push(...go);
  figures.goLast.push(Math.max(...go));
}
