/**
 * Messages as ProtoJSON, behind the same interface as the binary codecs, so that everything above knows only `Codec`.
 *
 * protobuf-es does the work: JSON is what people and browsers send, not what services send each other by the hundred
 * thousand. Fields that the contract does not know are ignored, as in Connect, so that a newer caller gets through.
 * Source: https://protobuf.dev/programming-guides/json/
 */
import {
  create,
  createRegistry,
  type DescFile,
  type DescMessage,
  type DescService,
  fromJsonString,
  isMessage,
  type Registry,
  toJsonString,
} from "@bufbuild/protobuf";
import {
  file_google_protobuf_any,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
} from "@bufbuild/protobuf/wkt";
import type { Codec } from "./codec/codec.ts";
import type { Method } from "./method.ts";

/** `method` with its messages as JSON. `registry` knows the types that an `Any` in them may hold. */
export function jsonMethod(method: Method, registry: Registry): Method {
  const { input, output } = method.desc;
  return { ...method, form: "json", input: jsonCodec(input, registry), output: jsonCodec(output, registry) };
}

/** What the files of the services define and import, and the well-known types. */
export function registryOfServices(services: Iterable<DescService>): Registry {
  const files = new Set<DescFile>();
  const add = (file: DescFile): void => {
    if (files.has(file)) return;
    files.add(file);
    for (const dependency of file.dependencies) add(dependency);
  };
  for (const { file } of services) add(file);
  // What the services bring stands last, for it wins where a name is there twice.
  return createRegistry(...WELL_KNOWN, ...files);
}

const WELL_KNOWN: readonly DescFile[] = [
  file_google_protobuf_any,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
];

function jsonCodec(desc: DescMessage, registry: Registry): Codec {
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
