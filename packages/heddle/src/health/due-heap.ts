/** A binary heap by `dueAtMs`, which must not change while its owner is in it. */
export class DueHeap<Item extends { readonly dueAtMs: number }> {
  readonly #items: Item[] = [];

  /** The one that is due first, undefined when there is none. */
  get first(): Item | undefined {
    return this.#items[0];
  }

  push(item: Item): void {
    const items = this.#items;
    let at = items.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = items[parent] as Item;
      if (above.dueAtMs <= item.dueAtMs) break;
      items[at] = above;
      at = parent;
    }
    items[at] = item;
  }

  pop(): Item | undefined {
    const items = this.#items;
    const first = items[0];
    const last = items.pop();
    if (last === undefined || items.length === 0) return first;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= items.length) break;
      const right = left + 1;
      const smaller =
        right < items.length && (items[right] as Item).dueAtMs < (items[left] as Item).dueAtMs ? right : left;
      const below = items[smaller] as Item;
      if (below.dueAtMs >= last.dueAtMs) break;
      items[at] = below;
      at = smaller;
    }
    items[at] = last;
    return first;
  }
}
