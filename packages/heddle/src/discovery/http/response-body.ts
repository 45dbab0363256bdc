/** Bodies of answers: as a whole but bounded, or as they come but not without a word for ever. */
import type { ExchangeLimit } from "./exchange-limit.ts";

/** Throws when it is larger than `maxBytes`. */
export async function joinChunks(chunks: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length > maxBytes) throw new Error(`the answer is larger than ${maxBytes} bytes`);
    parts.push(chunk);
  }
  return Buffer.concat(parts, length);
}

/** Waits no longer than `silenceMs` for each chunk; the time in which nobody reads doesn't count. */
export async function* readChunks(
  body: AsyncIterable<Uint8Array>,
  limit: ExchangeLimit,
  silenceMs: number,
  fault: (error: unknown) => Error,
): AsyncGenerator<Uint8Array> {
  const reader = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await limit.within(silenceMs, reader.next()).catch((error: unknown) => {
        throw fault(error);
      });
      if (done) return;
      yield value;
    }
  } finally {
    limit.end();
  }
}
