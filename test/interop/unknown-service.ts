/** A service that has a contract and no server: EchoService under another name. */
import { create, createFileRegistry, type DescFile, toBinary, fromBinary } from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_any,
} from "@bufbuild/protobuf/wkt";
import type { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { file_heddle_test_v1_echo } from "../gen/heddle/test/v1/echo_pb.ts";

export function createUnknownService(): typeof EchoService {
  const proto = renamed(file_heddle_test_v1_echo.proto);
  const file = create(FileDescriptorSetSchema, { file: [file_google_protobuf_any.proto, proto] });
  const service = createFileRegistry(file).getService("heddle.test.unknown.v1.EchoService");
  if (service === undefined) throw new Error("the renamed file has no EchoService");
  return service as typeof EchoService;
}

/** The same file in another package. Type names stand with a leading dot and the package in it. */
function renamed(proto: DescFile["proto"]): FileDescriptorProto {
  const copy = fromBinary(FileDescriptorProtoSchema, toBinary(FileDescriptorProtoSchema, proto));
  const moved = (name: string) => name.replace(/^\.heddle\.test\.v1\./, ".heddle.test.unknown.v1.");
  copy.package = "heddle.test.unknown.v1";
  for (const message of copy.messageType)
    for (const field of message.field) field.typeName = moved(field.typeName);
  for (const service of copy.service) {
    for (const method of service.method) {
      method.inputType = moved(method.inputType);
      method.outputType = moved(method.outputType);
    }
  }
  return copy;
}
