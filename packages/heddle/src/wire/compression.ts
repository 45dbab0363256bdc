/**
 * Compression of messages: gzip, brotli, zstd and deflate, for all protocols.
 *
 * Synchronous on purpose: messages are small, and a hop to the thread pool costs more than the work. Levels are the
 * fast ones: a message is compressed once, sent once, and its caller is waiting.
 *
 * What a peer sent is expanded only up to the message limit, and stops there: a bomb costs what an honest message
 * of the largest size costs, in time and in memory. There is no limit of the ratio besides. Honest data packs as
 * well as a bomb does (4 MiB of zeros are 15 bytes of brotli), so that such a limit would refuse messages without
 * saving more than the limit of size has saved already.
 *
 * A message is one stream of its format, to its last byte. Whatever follows the end is refused: decoders disagree
 * on it, and a proxy that sees another message than we do is a hole. Only gzip allows several members by its
 * definition (RFC 1952, section 2.2), and has all of them expanded, within the one limit.
 */
import {
  brotliCompressSync,
  brotliDecompressSync,
  constants,
  deflateSync,
  gunzipSync,
  gzipSync,
  inflateSync,
  zstdCompressSync,
  zstdDecompressSync,
} from "node:zlib";
import { HeddleError } from "../call/errors.ts";

export type EncodingName = "gzip" | "br" | "zstd" | "deflate";

/** One way to compress messages. */
export interface Encoding {
  /** As in `grpc-encoding`, `content-encoding` and `connect-content-encoding`. */
  readonly name: EncodingName;
  compress(bytes: Uint8Array): Uint8Array;
  /**
   * Throws `messageTooLarge` when the expanded message is over `maxBytes`, zlib's error when the data is damaged.
   * Nothing expands to nothing: peers mark empty messages as compressed without writing a header and a trailer.
   */
  decompress(bytes: Uint8Array, maxBytes: number): Uint8Array;
}

/** Messages smaller than this are sent as they are, in bytes, when nobody says otherwise. */
export const DEFAULT_COMPRESS_MIN_BYTES = 1024;

/** All that we understand besides identity, the one we would rather have first. */
export const acceptedEncodings: readonly EncodingName[] = ["gzip", "br", "zstd", "deflate"];

/** The same as the value of `accept-encoding` and its like. */
export const ACCEPT_ENCODING = acceptedEncodings.join(",");

/** Undefined for `identity`, for nothing, and for what we don't know. */
export function encodingNamed(name: string): Encoding | undefined {
  return ENCODINGS.get(name);
}

/**
 * How to answer somebody who accepts what `acceptHeader` says: a list as gRPC and Connect streams send it, or one
 * with weights as HTTP has it (RFC 9110, section 12.5.3). Of `preferred`, what the peer likes best, and of equals
 * the first. Undefined: send it as it is.
 */
export function chooseEncoding(
  acceptHeader: string | undefined,
  preferred: readonly EncodingName[],
): Encoding | undefined {
  if (acceptHeader === undefined) return undefined;
  const weights = acceptedWeights(acceptHeader);
  const ofOthers = weights.get("*") ?? 0;
  let best: EncodingName | undefined;
  let bestWeight = 0;
  for (const name of preferred) {
    const weight = weights.get(name) ?? ofOthers;
    if (weight > bestWeight) {
      best = name;
      bestWeight = weight;
    }
  }
  if (best === undefined || (weights.get("identity") ?? 0) > bestWeight) return undefined;
  return ENCODINGS.get(best);
}

/**
 * The message compressed, or undefined when it is better sent as it is: there is no `encoding`, it is smaller than
 * `minBytes`, or did not become smaller. With a `minBytes` of 0 all messages are compressed, empty ones too: the peer
 * may count on it.
 */
export function compressIfWorth(
  bytes: Uint8Array,
  encoding: Encoding | undefined,
  minBytes: number,
): Uint8Array | undefined {
  if (encoding === undefined || bytes.length < minBytes) return undefined;
  const compressed = encoding.compress(bytes);
  return minBytes > 0 && compressed.length >= bytes.length ? undefined : compressed;
}

const gzip = createEncoding(
  "gzip",
  (bytes) => gzipSync(bytes, { level: 1 }),
  (bytes, maxOutputLength) => gunzipSync(bytes, { maxOutputLength, info: true }),
);

const brotli = createEncoding(
  "br",
  (bytes) =>
    brotliCompressSync(bytes, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 4, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
    }),
  // Its window is at most 16 MiB: "large window brotli" is off unless asked for.
  (bytes, maxOutputLength) => brotliDecompressSync(bytes, { maxOutputLength, info: true }),
);

const zstd = createEncoding(
  "zstd",
  (bytes) => zstdCompressSync(bytes),
  (bytes, maxOutputLength) =>
    zstdDecompressSync(bytes, {
      maxOutputLength,
      info: true,
      params: { [constants.ZSTD_d_windowLogMax]: windowLogFor(maxOutputLength) },
    }),
);

/** The zlib format, as HTTP means the word (RFC 9110, section 8.4.1.2), and not a bare deflate stream. */
const deflate = createEncoding(
  "deflate",
  (bytes) => deflateSync(bytes, { level: 1 }),
  (bytes, maxOutputLength) => inflateSync(bytes, { maxOutputLength, info: true }),
);

const ENCODINGS: ReadonlyMap<string, Encoding> = new Map([
  ["gzip", gzip],
  ["br", brotli],
  ["zstd", zstd],
  ["deflate", deflate],
]);

/**
 * A frame of zstd says how much memory it needs before it says anything else. 8 MiB is what a decoder of HTTP
 * grants (RFC 9659); who accepts larger messages grants as much as the message, within what zstd itself does.
 */
function windowLogFor(maxBytes: number): number {
  return Math.min(27, Math.max(23, Math.ceil(Math.log2(maxBytes))));
}

/** What protobuf can say, for those who set no limit. */
const MAX_EXPANDED = 0x7fffffff;

/** A result below this is copied out of zlib's chunk, which is 16 KiB: a kept message should weigh what it says. */
const SMALL_RESULT = 4096;

/** What zlib gives when it is asked for `info`; its types say that it is the buffer. */
interface Inflated {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

function createEncoding(
  name: EncodingName,
  compress: (bytes: Uint8Array) => Uint8Array,
  inflate: (bytes: Uint8Array, maxOutputLength: number) => unknown,
): Encoding {
  return {
    name,
    compress,
    decompress(bytes, maxBytes) {
      if (bytes.length === 0) return bytes;
      let inflated: Inflated;
      try {
        inflated = inflate(bytes, Math.min(Math.max(1, maxBytes), MAX_EXPANDED)) as Inflated;
      } catch (error) {
        throw isTooLarge(error) ? expandedTooLarge(maxBytes, error) : error;
      }
      if (inflated.engine.bytesWritten !== bytes.length) {
        throw new Error(
          `${bytes.length - inflated.engine.bytesWritten} bytes follow the end of the ${name} data`,
        );
      }
      const { buffer, byteOffset, length } = inflated.buffer;
      if (length > maxBytes) throw expandedTooLarge(maxBytes, undefined);
      // Fields of bytes are views of the message, and a plain Uint8Array is what protobuf-es promises there.
      const view = new Uint8Array(buffer, byteOffset, length);
      return length < SMALL_RESULT ? view.slice() : view;
    },
  };
}

function isTooLarge(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ERR_BUFFER_TOO_LARGE" || code === "ZSTD_error_frameParameter_windowTooLarge";
}

function expandedTooLarge(maxBytes: number, cause: unknown): HeddleError {
  return new HeddleError(
    "messageTooLarge",
    { bytes: `over ${maxBytes}`, limit: maxBytes, direction: "received, expanded" },
    { cause },
  );
}

/** Names in lower case, with their weights: 1 unless said, and 0 for one that cannot be read. */
function acceptedWeights(acceptHeader: string): Map<string, number> {
  const weights = new Map<string, number>();
  for (const part of acceptHeader.split(",")) {
    const [name = "", ...parameters] = part.split(";");
    const weight = parameters.map((text) => text.trim().toLowerCase()).find((text) => text.startsWith("q="));
    weights.set(name.trim().toLowerCase(), weight === undefined ? 1 : toWeight(weight.slice(2)));
  }
  return weights;
}

function toWeight(text: string): number {
  return /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(text) ? Number(text) : 0;
}
