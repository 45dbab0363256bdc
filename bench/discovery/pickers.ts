/** Many channels to one service in one process, each with its own connection to the registry, and what their pickers are told. */
import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createTransport, openRegistry } from "heddle";
import type { Balancer, Candidate } from "heddle/balance";
import { OrderService, PlaceOrderRequestSchema } from "../gen/bench/v1/orders_pb.ts";
import { nowNs } from "./now-ns.ts";
import { serveParent } from "./worker.ts";

export type PickerTasks = typeof tasks;

const pickers: Picker[] = [];

const tasks = {
  /** Opens channels, and resolves when each can call an instance. */
  async open({ url, service, count }: { url: string; service: string; count: number }): Promise<void> {
    await Promise.all(Array.from({ length: count }, () => openChannel(url, service)));
  },

  /** When each picker had this instance, or had it no longer, by the monotonic clock in ns. Waits for all of them. */
  timesOf({ id, present }: { id: string; present: boolean }): Promise<number[]> {
    return Promise.all(pickers.map((picker) => picker.timeOf(id, present)));
  },
};

/** Told by the channel of every instance that is connected. */
class Picker<C extends Candidate = Candidate> implements Balancer<C> {
  readonly name = "first";
  #ready: readonly C[] = [];
  readonly #cameAtNs = new Map<string, number>();
  readonly #wentAtNs = new Map<string, number>();
  readonly #waiting = new Set<() => void>();

  update(candidates: readonly C[]): void {
    const atNs = nowNs();
    for (const { id } of candidates) if (!this.#cameAtNs.has(id)) this.#cameAtNs.set(id, atNs);
    for (const { id } of this.#ready)
      if (!candidates.some((candidate) => candidate.id === id)) this.#wentAtNs.set(id, atNs);
    this.#ready = [...candidates];
    for (const look of this.#waiting) look();
  }

  pick(): C | undefined {
    return this.#ready[0];
  }

  timeOf(id: string, present: boolean): Promise<number> {
    return new Promise((resolve) => {
      const look = () => {
        const atNs = (present ? this.#cameAtNs : this.#wentAtNs).get(id);
        if (atNs === undefined) return;
        this.#waiting.delete(look);
        resolve(atNs);
      };
      this.#waiting.add(look);
      look();
    });
  }
}

async function openChannel(url: string, service: string): Promise<void> {
  const { resolver } = await openRegistry(url, { stateFolder: false, env: {} });
  const transport = createTransport({
    target: `${resolver.scheme}:///${service}`,
    resolvers: [resolver],
    balancer: <C extends Candidate>() => {
      const picker = new Picker<C>();
      pickers.push(picker as unknown as Picker);
      return picker;
    },
  });
  // Its answer is that there is no such service: it was called.
  await createClient(OrderService, transport)
    .placeOrder(create(PlaceOrderRequestSchema))
    .catch(() => {});
}

serveParent(tasks);
