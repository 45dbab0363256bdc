/**
 * One generator per cause of chance. Arrivals, work, machines, network and policies each draw from their own, so
 * that a policy that draws more often changes nothing about what it is given: with one generator for all, two
 * policies would be compared under different traffic ("common random numbers", Law, Simulation Modeling, §11.2).
 */
import { createSeededRandom, type Random } from "../runtime/random.ts";

/** The generator called `name`, and of those the `index`th: always the same for the same seed. */
export type RandomStreams = (name: string, index?: number) => Random;

export function createRandomStreams(seed: number): RandomStreams {
  return (name, index = 0) => {
    let mixed = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b);
    for (let i = 0; i < name.length; i++) mixed = Math.imul(mixed ^ name.charCodeAt(i), 0x01000193);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d) + Math.imul(index + 1, 0x297a2d39);
    return createSeededRandom(mixed ^ (mixed >>> 13));
  };
}
