/**
 * Layers of a call path, linked once and then walked without a promise or a closure per call.
 *
 * A stack is an array in the order that a request meets it. Each layer may act on the way down (towards the
 * wire on the client, towards the handler on the server) and on the way up, when the call has an outcome. It
 * hands on by calling `link.down(call)` or `link.up(call)`; not handing on means holding the call, and going
 * down again from `up` means another attempt. The call object carries all state, so one linked stack serves
 * every call of a channel.
 *
 * Why not `(next) => (call) => Promise`: each layer would cost every call a promise and a closure. Here a
 * layer that only looks on the way down costs one function call.
 */
export interface Layer<Call, Parts> {
  /** Name in the printed stack. */
  readonly name: string;
  /** What it does, in a few words. */
  readonly does: string;
  /** What it must stand outside or inside of, and why. */
  readonly order: string;
  /** Makes the layer for one channel or server. Absent for lines that others carry out, such as the stub. */
  create?(parts: Parts, link: Link<Call>): LayerSteps<Call>;
}

export interface Link<Call> {
  /** The next layer inward that acts on the way down. */
  down(call: Call): void;
  /** The next layer outward that acts on the way up. */
  up(call: Call): void;
}

/** Plain functions, called without `this`. */
export interface LayerSteps<Call> {
  readonly down?: (call: Call) => void;
  readonly up?: (call: Call) => void;
}

/**
 * Links `layers` (outermost first) and returns the entry of the way down. `outcome` receives what comes out at
 * the top.
 */
export function linkLayers<Call, Parts>(
  layers: readonly Layer<Call, Parts>[],
  parts: Parts,
  outcome: (call: Call) => void,
): (call: Call) => void {
  const links: Link<Call>[] = [];
  const steps: LayerSteps<Call>[] = [];
  for (const layer of layers) {
    if (layer.create === undefined) continue;
    const link: Link<Call> = { down: unlinked, up: unlinked };
    links.push(link);
    steps.push(layer.create(parts, link));
  }
  let up = outcome;
  for (const [i, step] of steps.entries()) {
    (links[i] as Link<Call>).up = up;
    if (step.up !== undefined) up = step.up;
  }
  let down: (call: Call) => void = unlinked;
  for (let i = steps.length - 1; i >= 0; i--) {
    const step = steps[i] as LayerSteps<Call>;
    (links[i] as Link<Call>).down = down;
    if (step.down !== undefined) down = step.down;
  }
  return down;
}

/** The stack as text: one line a layer, in request order. */
export function describeStack(layers: readonly Layer<never, never>[]): string {
  const width = Math.max(...layers.map((layer) => layer.name.length));
  return layers.map((layer) => `${layer.name.padEnd(width)}  ${layer.does} · ${layer.order}\n`).join("");
}

function unlinked(): never {
  throw new Error("the innermost layer handed a call further inward, or a layer ran before it was linked");
}
