/** Idempotent calls without a pause, and who answered them. */
import { type Client, recordOf } from "heddle";
import type { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { until } from "./within.ts";

export class Load {
  /** Answers per instance. */
  readonly answers = new Map<string, number>();
  /** What each failed call says for itself. */
  readonly failures: string[] = [];
  #stopped = false;
  readonly #workers: readonly Promise<void>[];

  constructor(client: Client<typeof EchoService>, workers = 16) {
    this.#workers = Array.from({ length: workers }, () => this.#work(client));
  }

  get total(): number {
    return [...this.answers.values()].reduce((sum, count) => sum + count, 0);
  }

  of(instance: string): number {
    return this.answers.get(instance) ?? 0;
  }

  /** Resolves when so many more calls have been answered, by one instance or by any. */
  async more(count: number, instance?: string): Promise<void> {
    const now = () => (instance === undefined ? this.total : this.of(instance));
    const goal = now() + count;
    await until(
      () => now() >= goal,
      `${count} more answers of ${instance ?? "anybody"} (failures: ${this.failures.slice(0, 2).join("; ")})`,
      60_000,
    );
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#workers);
  }

  async #work(client: Client<typeof EchoService>): Promise<void> {
    while (!this.#stopped) {
      try {
        const instance = (await client.idempotentUnary({})).echo?.instance ?? "";
        this.answers.set(instance, this.of(instance) + 1);
      } catch (error) {
        this.failures.push(`${String(error)} ${JSON.stringify(recordOf(error))}`);
      }
      // Calls that fail or succeed at once must leave room for the events that the test waits for.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
