/** What choosing costs, one policy after the other: see `worker.ts`. */
import { balancerPolicyNames } from "heddle/balance";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { PickRow, PickTask } from "./worker.ts";

export interface PickPlan extends Omit<PickTask, "policy"> {
  readonly onProgress: (text: string) => void;
}

export async function runPickSuite({ onProgress, ...plan }: PickPlan): Promise<PickRow[]> {
  const rows: PickRow[] = [];
  for (const policy of balancerPolicyNames) {
    const task: PickTask = { policy, ...plan };
    const [measured] = (await once(
      new Worker(new URL("./worker.ts", import.meta.url), { workerData: task }),
      "message",
    )) as [PickRow[]];
    rows.push(...measured);
    onProgress(policy);
  }
  return rows;
}
