/**
 * One registry or relay under virtual time: a single core that takes in changes and tells watchers, first come first served.
 * What a watcher has not been told is folded into its next message, as in the registry's feeds, so a burst costs messages by
 * watchers and names and not by changes. Nothing here waits: a wave over a region runs in a second or two.
 */
export interface NodeCosts {
  /** Taking in a change, in µs. */
  readonly changeMicros: number;
  /** One message to one watcher, in µs, */
  readonly messageMicros: number;
  /** and for each instance in it beyond the first. */
  readonly itemMicros: number;
}

/** So many changes of a name arrive together. */
export interface Arrival {
  readonly atMs: number;
  /** When the oldest of them happened. */
  readonly sinceMs: number;
  readonly name: number;
  readonly changes: number;
}

/** A watcher was told of so many changes of a name. */
export interface Telling extends Arrival {
  readonly watcher: number;
}

export interface NodeRun {
  readonly tellings: readonly Telling[];
  readonly cpuMs: number;
  /** When the last watcher was told. */
  readonly lastAtMs: number;
}

export function simulateNode(
  /** In the order of time. */
  arrivals: readonly Arrival[],
  costs: NodeCosts,
  watchersOf: (name: number) => readonly number[],
): NodeRun {
  const taken = new Map<number, number>();
  const told = new Map<string, number>();
  const queue: { readonly name: number; readonly watcher: number; readonly sinceMs: number }[] = [];
  const tellings: Telling[] = [];
  let [nowMs, cpuMs, head, next] = [0, 0, 0, 0];

  const spend = (micros: number) => {
    nowMs += micros / 1_000;
    cpuMs += micros / 1_000;
  };

  function takeIn({ atMs, sinceMs, name, changes }: Arrival): void {
    nowMs = Math.max(nowMs, atMs);
    spend(costs.changeMicros * changes);
    const before = taken.get(name) ?? 0;
    taken.set(name, before + changes);
    for (const watcher of watchersOf(name)) {
      const key = `${name}/${watcher}`;
      // Who is behind already has its turn coming.
      if ((told.get(key) ?? 0) === before) queue.push({ name, watcher, sinceMs });
      if (!told.has(key)) told.set(key, 0);
    }
  }

  function tell({ name, watcher, sinceMs }: (typeof queue)[number]): void {
    const key = `${name}/${watcher}`;
    const total = taken.get(name) ?? 0;
    const changes = total - (told.get(key) ?? 0);
    told.set(key, total);
    spend(costs.messageMicros + costs.itemMicros * (changes - 1));
    tellings.push({ atMs: nowMs, sinceMs, name, watcher, changes });
  }

  for (;;) {
    const arrival = arrivals[next];
    const waiting = queue[head];
    if (arrival !== undefined && (waiting === undefined || arrival.atMs <= nowMs)) {
      next++;
      takeIn(arrival);
    } else if (waiting !== undefined) {
      head++;
      tell(waiting);
    } else return { tellings, cpuMs, lastAtMs: tellings.at(-1)?.atMs ?? 0 };
  }
}
