/**
 * Messages as ProtoJSON, behind the same interface as the binary codecs, so that everything above knows only `Codec`.
 * Fields that the contract does not know are ignored, as in Connect, so that a newer caller gets through.
 * Source: https://protobuf.dev/programming-guides/json/
 */
import { create, type DescMessage, type Registry } from "@bufbuild/protobuf";
import type { Codec } from "./codec/codec.ts";
import { readJsonText, writeJsonText } from "./codec/json-text.ts";

/** `registry` knows the types that an `Any` in the messages may hold. */
export function jsonCodec(desc: DescMessage, registry: Registry): Codec {
  const options = { registry };
  const encode: Codec["encode"] = (message) => UTF8.encode(writeJsonText(desc, message, options));
  return {
    desc,
    kind: "reflective",
    create: (init) => create(desc, init),
    encode,
    encodeInto(message, sink) {
      const bytes = encode(message);
      sink.ensure(bytes.length);
      sink.bytes.set(bytes, sink.length);
      sink.length += bytes.length;
    },
    decode(bytes, start = 0, end = bytes.length) {
      if (!(start >= 0 && start <= end && end <= bytes.length)) {
        throw new RangeError(`no range of ${bytes.length} bytes: ${start} to ${end}`);
      }
      return readJsonText(desc, STRICT_UTF8.decode(bytes.subarray(start, end)), registry);
    },
  };
}

const UTF8 = new TextEncoder();
const STRICT_UTF8 = new TextDecoder("utf-8", { fatal: true });
