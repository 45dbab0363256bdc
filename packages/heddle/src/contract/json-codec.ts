/**
 * Messages as ProtoJSON, behind the same interface as the binary codecs, so that everything above knows only `Codec`.
 *
 * protobuf-es does the work: JSON is what people and browsers send, not what services send each other by the hundred
 * thousand. Fields that the contract does not know are ignored, as in Connect, so that a newer caller gets through.
 * Source: https://protobuf.dev/programming-guides/json/
 */
import {
  create,
  type DescMessage,
  fromJsonString,
  isMessage,
  type Registry,
  toJsonString,
} from "@bufbuild/protobuf";
import type { Codec } from "./codec/codec.ts";

/** `registry` knows the types that an `Any` in the messages may hold. */
export function jsonCodec(desc: DescMessage, registry: Registry): Codec {
  const writeOptions = { registry };
  const readOptions = { registry, ignoreUnknownFields: true };
  const encode: Codec["encode"] = (message) =>
    UTF8.encode(toJsonString(desc, isMessage(message) ? message : create(desc, message), writeOptions));
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
      return fromJsonString(desc, STRICT_UTF8.decode(bytes.subarray(start, end)), readOptions);
    },
  };
}

const UTF8 = new TextEncoder();
const STRICT_UTF8 = new TextDecoder("utf-8", { fatal: true });
