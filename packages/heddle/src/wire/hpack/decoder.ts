/**
 * Header blocks to header lists (RFC 7541), the receiving half of HPACK.
 *
 * This is the first code that octets of a stranger reach, and it runs for each call. Both needs are met by
 * one rule: nothing is built before its size is known and allowed. A block that was seen before, and that
 * neither then nor since changed the table, is not decoded at all (block-cache.ts).
 */
import { BlockCache } from "./block-cache.ts";
import { DynamicTable } from "./dynamic-table.ts";
import type { HeaderBlock } from "./header-block.ts";
import { createHeaderField, FIELD_OVERHEAD_BYTES, type HeaderField } from "./header-field.ts";
import { failCompression, HpackError } from "./hpack-error.ts";
import { huffmanDecode, maxDecodedBytes } from "./huffman-decode.ts";
import { latin1String } from "./latin1.ts";
import { FIRST_DYNAMIC_INDEX, STATIC_TABLE } from "./static-table.ts";

export interface HpackDecoderOptions {
  /**
   * What our SETTINGS_HEADER_TABLE_SIZE advertises, in bytes; default 4096. The table itself starts at 4096,
   * as the protocol does, and follows the peer's size updates up to this.
   */
  readonly maxTableBytes?: number;
  /**
   * Largest header list, in bytes as `listBytes` counts; default 65536. Above it the block is still read to
   * its end, without strings, so that the table stays right. Above four times as much the block is fatal.
   */
  readonly maxHeaderListBytes?: number;
  /** How many decoded blocks are kept, rounded down to a power of two; default 256, 0 keeps none. */
  readonly maxCachedBlocks?: number;
}

/** Table size at the start of a connection, before any SETTINGS (RFC 9113 §6.5.2). */
const INITIAL_TABLE_BYTES = 4096;
/** Above the list limit times this, a block is an attack and not an oversight. */
const HARD_LIMIT_FACTOR = 4;
/** Size updates a block may start with: the lowest value passed through, then the final one (§4.2). */
const MAX_SIZE_UPDATES = 2;
/** Shift of the last continuation octet an integer may have, the fifth: enough for 2^31 - 1. */
const MAX_INTEGER_SHIFT = 28;
/** Room for decoded Huffman strings, kept between blocks. */
const SCRATCH_BYTES = 16384;

/** One instance for each connection. Not to be used again after an HpackError with reason "compression". */
export class HpackDecoder {
  readonly #table = new DynamicTable(INITIAL_TABLE_BYTES);
  readonly #cache: BlockCache;
  readonly #maxTableBytes: number;
  readonly #maxListBytes: number;

  // Where the reader stands; only meaningful inside `decode`.
  #at = 0;
  #end = 0;
  // The last string that was read: octets text[textStart,textEnd).
  #text: Uint8Array = scratch;
  #textStart = 0;
  #textEnd = 0;
  #scratchUsed = 0;

  constructor(options: HpackDecoderOptions = {}) {
    this.#maxTableBytes = options.maxTableBytes ?? INITIAL_TABLE_BYTES;
    this.#maxListBytes = options.maxHeaderListBytes ?? 65536;
    this.#cache = new BlockCache(options.maxCachedBlocks ?? 256);
  }

  /**
   * Decodes the complete header block bytes[start,end).
   * @throws HpackError "compression" for a block that is malformed or far too large: close the connection.
   * "list-too-large" for a well-formed block above the limit: refuse the stream, the connection can go on.
   */
  decode(bytes: Uint8Array, start: number, end: number): HeaderBlock {
    const table = this.#table;
    const version = table.version;
    const hash = this.#cache.hash(bytes, start, end);
    if (hash >= 0) {
      const known = this.#cache.find(hash, version, bytes, start, end);
      if (known !== undefined) return known;
    }
    this.#at = start;
    this.#end = end;
    this.#readSizeUpdates(bytes);
    const block = this.#readFields(bytes);
    if (hash >= 0 && table.version === version) {
      this.#cache.store(hash, version, bytes, start, end, block);
    }
    return block;
  }

  /** A table size update may stand only at the start of a block (RFC 7541 §4.2). */
  #readSizeUpdates(bytes: Uint8Array): void {
    for (let updates = 1; this.#at < this.#end && ((bytes[this.#at] as number) & 0xe0) === 0x20; updates++) {
      if (updates > MAX_SIZE_UPDATES) failCompression("more than two table size updates in a block");
      const tableBytes = this.#readInteger(bytes, 0x1f);
      // A peer that has not read our SETTINGS yet may name what the protocol started with.
      if (tableBytes > Math.max(this.#maxTableBytes, this.#table.maxBytes)) {
        failCompression("table size update above the advertised size");
      }
      this.#table.resize(tableBytes);
    }
  }

  #readFields(bytes: Uint8Array): HeaderBlock {
    const maxListBytes = this.#maxListBytes;
    const hardLimit = maxListBytes * HARD_LIMIT_FACTOR;
    const fields: string[] = [];
    let listBytes = 0;
    while (this.#at < this.#end) {
      const octet = bytes[this.#at] as number;
      if (octet >= 0x80) {
        // Indexed field.
        const field = this.#lookUp(this.#readInteger(bytes, 0x7f));
        listBytes += field.bytes;
        if (listBytes <= maxListBytes) fields.push(field.name, field.value);
        else if (listBytes > hardLimit) failCompression("header list far above the limit");
        continue;
      }
      const indexing = octet >= 0x40;
      if (!indexing && octet >= 0x20) failCompression("table size update after the start of a block");
      const nameIndex = this.#readInteger(bytes, indexing ? 0x3f : 0x0f);
      this.#scratchUsed = 0;

      // Both strings are measured before either is built.
      let named: HeaderField | undefined;
      let nameText = bytes;
      let nameStart = 0;
      let nameEnd = 0;
      let nameBytes: number;
      if (nameIndex !== 0) {
        named = this.#lookUp(nameIndex);
        nameBytes = named.name.length;
      } else {
        this.#readString(bytes);
        nameText = this.#text;
        nameStart = this.#textStart;
        nameEnd = this.#textEnd;
        nameBytes = nameEnd - nameStart;
      }
      this.#readString(bytes);
      const fieldBytes = nameBytes + (this.#textEnd - this.#textStart) + FIELD_OVERHEAD_BYTES;
      listBytes += fieldBytes;
      if (listBytes > hardLimit) failCompression("header list far above the limit");

      const wanted = listBytes <= maxListBytes;
      const kept = indexing && fieldBytes <= this.#table.maxBytes;
      if (!wanted && !kept) {
        if (indexing) this.#table.clear();
        continue;
      }
      const name = named !== undefined ? named.name : latin1String(nameText, nameStart, nameEnd);
      const value = latin1String(this.#text, this.#textStart, this.#textEnd);
      if (wanted) fields.push(name, value);
      if (kept) this.#table.insert(createHeaderField(name, value));
      else if (indexing) this.#table.clear();
    }
    if (listBytes > maxListBytes) {
      throw new HpackError(
        "list-too-large",
        `header list of ${listBytes} bytes; the limit is ${maxListBytes}`,
      );
    }
    return { fields, listBytes, parsed: undefined };
  }

  #lookUp(index: number): HeaderField {
    const field =
      index < FIRST_DYNAMIC_INDEX ? STATIC_TABLE[index] : this.#table.get(index - FIRST_DYNAMIC_INDEX);
    return field ?? failCompression(`index ${index} is in no table`);
  }

  /** Reads an integer whose first octet, at the reader, has the value bits `prefix` (RFC 7541 §5.1). */
  #readInteger(bytes: Uint8Array, prefix: number): number {
    let value = (bytes[this.#at++] as number) & prefix;
    if (value < prefix) return value;
    for (let shift = 0; shift <= MAX_INTEGER_SHIFT; shift += 7) {
      if (this.#at >= this.#end) failCompression("block ends inside an integer");
      const octet = bytes[this.#at++] as number;
      value += (octet & 0x7f) * 2 ** shift;
      if (octet < 0x80) {
        if (value > 0x7fffffff) break;
        return value;
      }
    }
    return failCompression("integer too large");
  }

  /** Reads a string's octets, decoded where they are Huffman coded, into the `#text…` fields (§5.2). */
  #readString(bytes: Uint8Array): void {
    if (this.#at >= this.#end) failCompression("block ends before a string");
    const huffman = (bytes[this.#at] as number) >= 0x80;
    const length = this.#readInteger(bytes, 0x7f);
    const start = this.#at;
    if (length > this.#end - start) failCompression("block ends inside a string");
    this.#at = start + length;
    if (!huffman) {
      this.#text = bytes;
      this.#textStart = start;
      this.#textEnd = this.#at;
      return;
    }
    const room = maxDecodedBytes(length);
    if (this.#scratchUsed + room <= SCRATCH_BYTES) {
      // The name of a literal stays in the scratch while its value is decoded behind it.
      this.#text = scratch;
      this.#textStart = this.#scratchUsed;
    } else {
      this.#text = new Uint8Array(room);
      this.#textStart = 0;
    }
    this.#textEnd = huffmanDecode(bytes, start, this.#at, this.#text, this.#textStart);
    if (this.#text === scratch) this.#scratchUsed = this.#textEnd;
  }
}

/** Shared by all decoders: nothing stays in it from one field to the next. */
const scratch = new Uint8Array(SCRATCH_BYTES);
