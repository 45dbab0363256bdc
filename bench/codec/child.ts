/** One codec in a process of its own: `child.ts <contestant>`; measures what it is asked for, one thing at a time. */
import { toBinary } from "@bufbuild/protobuf";
import { type Contestant, loadContestant } from "./contestants.ts";
import { type FixtureName, fixtures } from "./fixtures.ts";

export interface Question {
  readonly fixture: FixtureName;
  readonly operation: "encode" | "decode";
  /** Of processor time. */
  readonly measureMs: number;
}

export interface Answer {
  /** Operations per second of processor time. */
  readonly perSecond: number;
  /** Of the encoded message, by protobuf-es. */
  readonly bytes: number;
}

/** Messages of each fixture; a power of two. */
const variants = 8;

const [, , name = ""] = process.argv;
const prepare = await loadContestant(name);
const prepared = new Map<FixtureName, { contestant: Contestant; bytes: number }>();

process.once("disconnect", () => process.exit(1));
process.on("message", ({ fixture, operation, measureMs }: Question) => {
  const { contestant, bytes } = preparedFor(fixture);
  const run = operation === "encode" ? contestant.encode : contestant.decode;
  process.send?.({ perSecond: measure(run, measureMs), bytes } satisfies Answer);
});
process.send?.("ready");

function preparedFor(fixtureName: FixtureName) {
  const known = prepared.get(fixtureName);
  if (known) return known;
  const fixture = fixtures[fixtureName];
  const messages = Array.from({ length: variants }, (_, i) => fixture.create(i));
  const bytes = messages.map((message) => toBinary(fixture.schema, message));
  const contestant = prepare(fixture, messages, bytes);
  // Who is fast because it leaves something out is found here.
  bytes.forEach((expected, i) => {
    if (Buffer.compare(contestant.encode(i), expected) !== 0) {
      throw new Error(`${name} encodes ${fixtureName} in another way than protobuf-es`);
    }
  });
  const entry = { contestant, bytes: bytes[0]?.length ?? 0 };
  prepared.set(fixtureName, entry);
  return entry;
}

/**
 * Counts operations per second of processor time, that of the garbage collector's threads included: others who use
 * the machine meanwhile take time from the clock, but not from this. Runs in batches that last about a millisecond,
 * so that reading the time costs nothing.
 */
function measure(run: (index: number) => unknown, measureMs: number): number {
  let batch = variants;
  let operations = 0;
  let last: unknown;
  const began = processorMs();
  for (let now = began; ; ) {
    for (let i = 0; i < batch; i++) last = run(i & (variants - 1));
    operations += batch;
    const then = now;
    now = processorMs();
    if (now - then < 0.5) batch *= 2;
    if (now - began < measureMs) continue;
    if (last === undefined) throw new Error(`${name} gave nothing`);
    return (operations / (now - began)) * 1_000;
  }
}

function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
