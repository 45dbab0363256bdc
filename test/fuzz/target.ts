/**
 * What the fuzzer drives: one reader of bytes from strangers, with what must hold whatever the bytes are.
 *
 * An input is nothing but bytes, and says all: which role, which cuts, which sequence. So a failure is a file, and
 * a file can be shrunk, kept and replayed without the generator that made it.
 */
import type { Dice } from "./dice.ts";

export interface FuzzTarget {
  /** One input: mostly valid, with something broken in it. */
  generate(dice: Dice): Uint8Array;
  /** Throws, or rejects, when what must hold does not. A slow answer is a failure as well. */
  check(input: Uint8Array): void | Promise<void>;
  /** Longest time for one input, in ms. Default 1 000: everything here is meant to take less than one. */
  readonly limitMs?: number;
  /** Frees what `check` keeps between inputs, such as a listener. */
  close?(): Promise<void>;
}

/** Each is a file of its name in targets/. */
export const targetNames = [
  "frames",
  "hpack",
  "envelope",
  "codec",
  "compression",
  "texts",
  "http1",
  "rest",
  "rest-server",
  "calls",
] as const;

export type TargetName = (typeof targetNames)[number];

export function isTargetName(name: string): name is TargetName {
  return (targetNames as readonly string[]).includes(name);
}

/** Where a target stands; a thread of its own loads it from there as well. */
export function targetUrl(name: TargetName): string {
  return new URL(`targets/${name}.ts`, import.meta.url).href;
}

export async function loadTarget(url: string): Promise<FuzzTarget> {
  return ((await import(url)) as { target: FuzzTarget }).target;
}
