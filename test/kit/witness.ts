/**
 * What handlers saw. A call names itself in its plan; the handler reports under that name, and the test, which runs
 * in the same process, waits for the report.
 */
import { within } from "./within.ts";

export interface Start {
  /** Time that was left when the handler started, in ms; undefined without a deadline. */
  readonly timeoutMs: number | undefined;
  readonly header: Headers;
}

interface Sighting {
  readonly started: PromiseWithResolvers<Start>;
  readonly aborted: PromiseWithResolvers<unknown>;
  readonly ended: PromiseWithResolvers<void>;
  readonly received: Map<number, PromiseWithResolvers<void>>;
  messages: number;
}

export class Witness {
  readonly #sightings = new Map<string, Sighting>();
  #names = 0;

  /** A name that no other call has. */
  newId(): string {
    return `call ${++this.#names}`;
  }

  // For handlers.

  onStart(id: string, start: Start): void {
    this.#of(id).started.resolve(start);
  }

  onAbort(id: string, reason: unknown): void {
    this.#of(id).aborted.resolve(reason);
  }

  onEnd(id: string): void {
    this.#of(id).ended.resolve();
  }

  onMessage(id: string): void {
    const sighting = this.#of(id);
    sighting.messages++;
    sighting.received.get(sighting.messages)?.resolve();
  }

  // For tests.

  /** Whether a handler has reported under this name. */
  saw(id: string): boolean {
    return this.#sightings.has(id);
  }

  started(id: string): Promise<Start> {
    return within(this.#of(id).started.promise, `the handler of ${id} starting`);
  }

  /** Resolves with the reason when the signal of the running handler fires. */
  aborted(id: string): Promise<unknown> {
    return within(this.#of(id).aborted.promise, `the signal of ${id} firing`);
  }

  /** Resolves when the handler is over: it was told to stop, or it saw the end of the requests first. */
  async over(id: string): Promise<void> {
    const { aborted, ended } = this.#of(id);
    await within(Promise.race([aborted.promise, ended.promise]), `the end of ${id}`);
  }

  /** Resolves when the handler has read so many messages. */
  async received(id: string, count: number): Promise<void> {
    const sighting = this.#of(id);
    if (sighting.messages >= count) return;
    const known = sighting.received.get(count) ?? Promise.withResolvers<void>();
    sighting.received.set(count, known);
    await within(known.promise, `message ${count} of ${id} arriving`);
  }

  #of(id: string): Sighting {
    let sighting = this.#sightings.get(id);
    if (sighting === undefined) {
      sighting = {
        started: Promise.withResolvers(),
        aborted: Promise.withResolvers(),
        ended: Promise.withResolvers(),
        received: new Map(),
        messages: 0,
      };
      this.#sightings.set(id, sighting);
    }
    return sighting;
  }
}
