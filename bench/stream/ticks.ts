/** The ticks that travel, and the handler that sends them: the same for every peer. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { WatchResponseSchema, WatchRequest } from "../gen/bench/v1/ticks_pb.ts";

/** Ticks of one stream: enough that opening it does not count, few enough that every library ends some in a round. */
export const ticksPerStream = 1_000;

export type TickInit = MessageInitShape<typeof WatchResponseSchema>;

export function createTick(sequence: number): TickInit {
  return {
    sequence,
    symbol: "YARN-MERINO-0042",
    priceCents: 124_900 + (sequence & 1023),
    currency: "EUR",
    venue: "LOOM-EX",
  };
}

/** The handler where a library pulls answers from a generator. */
export async function* watch({ count }: WatchRequest): AsyncGenerator<TickInit> {
  for (let sequence = 0; sequence < count; sequence++) yield createTick(sequence);
}
