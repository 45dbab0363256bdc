/**
 * `grpc-status-details-bin`: error details as a base64 `google.rpc.Status`.
 *
 * The message is three fields (code, message, details as `Any`), read and written here with protobuf-es's own
 * reader and writer, because no npm package ships its schema.
 * Source: https://github.com/googleapis/googleapis/blob/master/google/rpc/status.proto
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, base64Decode, base64Encode, WireType } from "@bufbuild/protobuf/wire";
import type { ConnectError } from "@connectrpc/connect";

type Details = ConnectError["details"];

/** The details of a received error; empty when there are none or they are damaged. */
export function decodeStatusDetails(header: string | undefined): Details {
  if (header === undefined) return [];
  try {
    const reader = new BinaryReader(base64Decode(header));
    const details: Details = [];
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag();
      if (field === DETAILS_FIELD && wireType === WireType.LengthDelimited)
        details.push(readAny(reader.bytes()));
      else reader.skip(wireType, field);
    }
    return details;
  } catch {
    return [];
  }
}

/** The header value for an error with details; undefined when it has none. */
export function encodeStatusDetails(error: ConnectError): string | undefined {
  if (error.details.length === 0) return undefined;
  const writer = new BinaryWriter();
  writer.tag(1, WireType.Varint).int32(error.code);
  writer.tag(2, WireType.LengthDelimited).string(error.rawMessage);
  for (const detail of error.details) {
    const [type, value] =
      "desc" in detail
        ? [detail.desc.typeName, toBinary(detail.desc, create(detail.desc, detail.value))]
        : [detail.type, detail.value];
    writer.tag(DETAILS_FIELD, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).string(`type.googleapis.com/${type}`);
    writer.tag(2, WireType.LengthDelimited).bytes(value);
    writer.join();
  }
  return base64Encode(writer.finish(), "std_raw");
}

const DETAILS_FIELD = 3;

function readAny(bytes: Uint8Array): { type: string; value: Uint8Array } {
  const reader = new BinaryReader(bytes);
  let typeUrl = "";
  let value: Uint8Array = new Uint8Array(0);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1 && wireType === WireType.LengthDelimited) typeUrl = reader.string();
    else if (field === 2 && wireType === WireType.LengthDelimited) value = reader.bytes();
    else reader.skip(wireType, field);
  }
  return { type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1), value };
}
