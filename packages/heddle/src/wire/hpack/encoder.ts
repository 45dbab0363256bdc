/**
 * Header lists to header blocks (RFC 7541), the sending half of HPACK.
 *
 * The caller says for each field whether it will come again. What does is indexed, so that the blocks of a
 * method shrink to a few octets and stand still; what does not (a timeout, a trace id) never enters the
 * table, because it would push out what others refer to and make kept blocks useless. `generation` tells
 * whether a block encoded earlier still means what it meant.
 */
import type { ByteWriter } from "../byte-writer.ts";
import { DynamicTable } from "./dynamic-table.ts";
import { createHeaderField, FIELD_OVERHEAD_BYTES, type HeaderField } from "./header-field.ts";
import { huffmanBytes, huffmanEncode } from "./huffman-encode.ts";
import { FIRST_DYNAMIC_INDEX, STATIC_NAMES } from "./static-table.ts";

/**
 * How a field may be sent.
 * - `index`: as an index; unknown fields are added to the table.
 * - `plain`: as an index where one exists; unknown fields are not added.
 * - `never`: always in full and marked so that no intermediary indexes it either: secrets (§7.1.3).
 */
export type FieldMode = "index" | "plain" | "never";

export interface HpackEncoderOptions {
  /** Upper bound of our table in bytes, whatever more the peer allows; default 4096. */
  readonly maxTableBytes?: number;
}

/** What the peer allows before its SETTINGS say otherwise (RFC 9113 §6.5.2). */
const INITIAL_TABLE_BYTES = 4096;
/** The longest an integer can be: its prefix octet and five more. */
const MAX_INTEGER_BYTES = 6;

/** One instance for each connection. */
export class HpackEncoder {
  readonly #table = new DynamicTable(INITIAL_TABLE_BYTES, (field, sequence) => this.#forget(field, sequence));
  /** The names in the table. */
  readonly #names = new Map<string, DynamicName>();
  readonly #maxTableBytes: number;
  /** The lowest table size passed through since the last block; Infinity when nothing is pending. */
  #lowestPending = Number.POSITIVE_INFINITY;
  #sizeChanges = 0;

  constructor(options: HpackEncoderOptions = {}) {
    this.#maxTableBytes = options.maxTableBytes ?? INITIAL_TABLE_BYTES;
    this.setPeerTableBytes(INITIAL_TABLE_BYTES);
  }

  /**
   * Changes when the table changes, when a size update becomes pending, and when it is written. A block may
   * be sent again while this number is what it was both before its `begin` and after its last `field`.
   */
  get generation(): number {
    return this.#table.version + this.#sizeChanges;
  }

  /** Takes the peer's SETTINGS_HEADER_TABLE_SIZE; the size update goes out at the start of the next block. */
  setPeerTableBytes(bytes: number): void {
    const allowed = Math.min(bytes, this.#maxTableBytes);
    if (allowed === this.#table.maxBytes) return;
    this.#table.resize(allowed);
    this.#lowestPending = Math.min(this.#lowestPending, allowed);
    this.#sizeChanges++;
  }

  /** Starts a block: writes the size updates that are due. Call it first for every block. */
  begin(out: ByteWriter): void {
    if (this.#lowestPending === Number.POSITIVE_INFINITY) return;
    const final = this.#table.maxBytes;
    out.ensure(2 * MAX_INTEGER_BYTES);
    if (this.#lowestPending < final) writeInteger(out, 0x20, 0x1f, this.#lowestPending);
    writeInteger(out, 0x20, 0x1f, final);
    this.#lowestPending = Number.POSITIVE_INFINITY;
    this.#sizeChanges++;
  }

  /**
   * Appends one field. `name` is lower case; both strings carry one octet per character.
   * @throws TypeError when a character is above 255; nothing has been written then.
   */
  field(out: ByteWriter, name: string, value: string, mode: FieldMode): void {
    const known = STATIC_NAMES.get(name);
    const own = this.#names.get(name);
    let nameIndex = 0;
    if (known !== undefined) {
      nameIndex = known.index;
      if (mode !== "never") {
        const index = known.values.get(value);
        if (index !== undefined) {
          out.writeByte(0x80 | index);
          return;
        }
      }
    }
    if (own !== undefined) {
      if (mode !== "never") {
        const sequence = own.values.get(value);
        if (sequence !== undefined) {
          out.ensure(MAX_INTEGER_BYTES);
          writeInteger(out, 0x80, 0x7f, this.#indexOf(sequence));
          return;
        }
      }
      if (nameIndex === 0) nameIndex = this.#indexOf(own.newest);
    }
    const codedNameBytes = nameIndex === 0 ? huffmanBytes(name) : 0;
    const codedValueBytes = huffmanBytes(value);
    out.ensure(3 * MAX_INTEGER_BYTES + name.length + value.length);
    // A field larger than the table would only empty it.
    const adds =
      mode === "index" && name.length + value.length + FIELD_OVERHEAD_BYTES <= this.#table.maxBytes;
    if (adds) writeInteger(out, 0x40, 0x3f, nameIndex);
    else writeInteger(out, mode === "never" ? 0x10 : 0x00, 0x0f, nameIndex);
    if (nameIndex === 0) writeString(out, name, codedNameBytes);
    writeString(out, value, codedValueBytes);
    if (adds) this.#add(name, value);
  }

  /** Writes a flat list `[name, value, name, value, …]`, all in one mode. */
  fields(out: ByteWriter, fields: readonly string[], mode: FieldMode): void {
    for (let i = 0; i < fields.length; i += 2)
      this.field(out, fields[i] as string, fields[i + 1] as string, mode);
  }

  #indexOf(sequence: number): number {
    return FIRST_DYNAMIC_INDEX + (this.#table.inserted - 1 - sequence);
  }

  #add(name: string, value: string): void {
    this.#table.insert(createHeaderField(name, value));
    const sequence = this.#table.inserted - 1;
    const own = this.#names.get(name);
    if (own === undefined) this.#names.set(name, { newest: sequence, values: new Map([[value, sequence]]) });
    else {
      own.newest = sequence;
      own.values.set(value, sequence);
    }
  }

  #forget(field: HeaderField, sequence: number): void {
    const own = this.#names.get(field.name);
    if (own === undefined) return;
    own.values.delete(field.value);
    // Entries leave in the order they came: when the newest goes, no other is left.
    if (own.newest === sequence) this.#names.delete(field.name);
  }
}

/** Where a name stands in the dynamic table, in sequence numbers. */
interface DynamicName {
  newest: number;
  readonly values: Map<string, number>;
}

/** Writes an integer behind the bits of `pattern` (§5.1). The caller has made room. */
function writeInteger(out: ByteWriter, pattern: number, prefix: number, value: number): void {
  const bytes = out.bytes;
  if (value < prefix) {
    bytes[out.length++] = pattern | value;
    return;
  }
  bytes[out.length++] = pattern | prefix;
  let rest = value - prefix;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes[out.length++] = 0x80 | (rest & 0x7f);
  bytes[out.length++] = rest;
}

/** Writes a string, Huffman coded when that is shorter (§5.2). The caller has made room. */
function writeString(out: ByteWriter, text: string, codedBytes: number): void {
  if (codedBytes < text.length) {
    writeInteger(out, 0x80, 0x7f, codedBytes);
    out.length = huffmanEncode(text, out.bytes, out.length);
    return;
  }
  writeInteger(out, 0x00, 0x7f, text.length);
  const bytes = out.bytes;
  for (let i = 0; i < text.length; i++) bytes[out.length++] = text.charCodeAt(i);
}
