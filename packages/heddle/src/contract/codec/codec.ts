/**
 * How a message becomes bytes and back: the face of the compiled codecs.
 *
 * The semantics are protobuf-es's, to the letter. The compiled path covers what is common; whenever it
 * gives up, protobuf-es does the work again and has the last word, be it a result or an error.
 */
import {
  create,
  type DescMessage,
  fromBinary,
  isMessage,
  type Message,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { ByteSink } from "./byte-sink.ts";
import { compiledMessageOf } from "./compile.ts";
import { giveBack, takeSlab } from "./encode-slab.ts";
import { refuseStructBomb } from "./struct-guard.ts";

export interface Codec<Desc extends DescMessage = DescMessage> {
  readonly desc: Desc;
  /** A message of what is given, as protobuf-es's `create` makes it; a message of this type is returned itself. */
  create(init?: MessageShape<Desc> | MessageInitShape<Desc>): MessageShape<Desc>;
  /**
   * Appends the binary form of a message, or of the plain object that it can be made of. Throws what
   * protobuf-es's `create` and `toBinary` throw; `sink.length` is then what it was.
   */
  encodeInto(message: MessageShape<Desc> | MessageInitShape<Desc>, sink: ByteSink): void;
  /**
   * The binary form. Throws as `encodeInto`. Nobody writes to the array afterwards, but a short one may share its
   * `buffer` with others, as Node's own do: who keeps few of many for long, or hands on the buffer, takes a `slice`.
   */
  encode(message: MessageShape<Desc> | MessageInitShape<Desc>): Uint8Array;
  /**
   * The message in bytes[start, end); default all of them. Nothing outside is read. Bytes fields and unknown fields are views
   * of `bytes`, as in protobuf-es: who wants to use the storage again must not hand it in.
   * Throws what protobuf-es's `fromBinary` throws, a RangeError when the range is not within `bytes`, and for a
   * message that merges one JSON object over and over (`struct-guard.ts`).
   */
  decode(bytes: Uint8Array, start?: number, end?: number): MessageShape<Desc>;
  /** Whether code was generated for the message, or protobuf-es does all itself. */
  readonly kind: "compiled" | "reflective";
}

const codecs = new WeakMap<DescMessage, Codec>();

/** The codec of a message; the same object for the same descriptor. Code is generated when it is first used. */
export function codecOf<Desc extends DescMessage>(desc: Desc): Codec<Desc> {
  let codec = codecs.get(desc);
  if (codec === undefined) {
    codec = createCodec(desc);
    codecs.set(desc, codec);
  }
  return codec as Codec<Desc>;
}

function createCodec(desc: DescMessage): Codec {
  const compiled = compiledMessageOf(desc);
  const isCompiled = compiled.kind === "compiled";

  function encodeInto(message: Message | MessageInitShape<DescMessage>, sink: ByteSink): void {
    const start = sink.length;
    if (isCompiled) {
      try {
        // A message of another type is no plain object: protobuf-es refuses it.
        sink.length = compiled.write(message, sink, start, typeof message.$typeName !== "string");
        return;
      } catch {
        sink.length = start;
      }
    }
    const bytes = toBinary(desc, isMessage(message) ? message : create(desc, message));
    sink.ensure(bytes.length);
    sink.bytes.set(bytes, start);
    sink.length = start + bytes.length;
  }

  return {
    desc,
    kind: compiled.kind,
    create: (init) => (isMessage(init, desc) ? init : compiled.create(init)),
    encodeInto,
    encode(message) {
      const slab = takeSlab();
      try {
        encodeInto(message, slab);
        return slab.finish();
      } finally {
        giveBack(slab);
      }
    },
    decode(bytes, start = 0, end = bytes.length) {
      if (!(start >= 0 && start <= end && end <= bytes.length)) {
        throw new RangeError(`no range of ${bytes.length} bytes: ${start} to ${end}`);
      }
      refuseStructBomb(desc, bytes, start, end);
      if (isCompiled) {
        try {
          const message = compiled.make();
          compiled.read(message, bytes, start, end, 1, 0);
          return message;
        } catch {
          // protobuf-es below decides what it is.
        }
      }
      return fromBinary(desc, bytes.subarray(start, end));
    },
  };
}
