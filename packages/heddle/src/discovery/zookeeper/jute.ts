/**
 * Jute, the encoding of ZooKeeper's protocol: big-endian integers, and a length in four bytes before texts, buffers,
 * lists and whole packets; a length of -1 is "none". The protocol's records are sequences of these, without tags:
 * https://github.com/apache/zookeeper/blob/master/zookeeper-jute/src/main/resources/zookeeper.jute
 *
 * The reader believes nothing: a length that does not fit what is there is a `JuteError`, and no allocation is made
 * for more elements than the bytes could hold.
 */

/** What was received is not what the protocol says. */
export class JuteError extends Error {
  override readonly name = "JuteError";
}

export class JuteWriter {
  #bytes = Buffer.allocUnsafe(256);
  /** The packet's own length comes first. */
  #length = 4;

  int(value: number): this {
    const at = this.#grow(4);
    this.#bytes.writeInt32BE(value, at);
    return this;
  }

  long(value: bigint): this {
    const at = this.#grow(8);
    this.#bytes.writeBigInt64BE(value, at);
    return this;
  }

  bool(value: boolean): this {
    const at = this.#grow(1);
    this.#bytes[at] = value ? 1 : 0;
    return this;
  }

  buffer(value: Uint8Array): this {
    this.int(value.length);
    const at = this.#grow(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  text(value: string): this {
    return this.buffer(Buffer.from(value));
  }

  texts(values: readonly string[]): this {
    this.int(values.length);
    for (const value of values) this.text(value);
    return this;
  }

  /** The packet as it is sent, with its length before it. */
  packet(): Buffer {
    this.#bytes.writeInt32BE(this.#length - 4, 0);
    return this.#bytes.subarray(0, this.#length);
  }

  /** Makes room and says where it begins. */
  #grow(size: number): number {
    const at = this.#length;
    this.#length += size;
    if (this.#length > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#length, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
    }
    return at;
  }
}

/** Reads a packet without its length. What stands behind the last field read is left alone: later versions add fields. */
export class JuteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  int(): number {
    return this.#bytes.readInt32BE(this.#take(4));
  }

  long(): bigint {
    return this.#bytes.readBigInt64BE(this.#take(8));
  }

  bool(): boolean {
    return this.#bytes[this.#take(1)] !== 0;
  }

  /** A view of the packet; empty for "none". */
  buffer(): Buffer {
    const length = this.#count("a length");
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  text(): string {
    return this.buffer().toString("utf8");
  }

  texts(): string[] {
    const count = this.#count("a count");
    if (count * 4 > this.left)
      throw new JuteError(`a list of ${count} in a packet with ${this.left} bytes left`);
    return Array.from({ length: count }, () => this.text());
  }

  #count(what: string): number {
    const count = this.int();
    if (count < -1) throw new JuteError(`${what} of ${count}`);
    return Math.max(0, count);
  }

  #take(size: number): number {
    if (size > this.left)
      throw new JuteError(`${size} bytes are announced and ${this.left} are left of the packet`);
    const at = this.#at;
    this.#at += size;
    return at;
  }
}
