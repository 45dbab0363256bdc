/** The contract of services as it travels: their files with all that these import, as a `google.protobuf.FileDescriptorSet`. */
import { clearField, clone, create, type DescFile, type DescService, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/** Without comments. What is imported stands before who imports it. */
export function imageOfServices(services: Iterable<DescService>): Uint8Array {
  const files = new Set<DescFile>();
  const add = (file: DescFile): void => {
    if (files.has(file)) return;
    for (const dependency of file.dependencies) add(dependency);
    files.add(file);
  };
  for (const { file } of services) add(file);
  const protos = [...files].map(({ proto }) => {
    if (proto.sourceCodeInfo === undefined) return proto;
    const bare = clone(FileDescriptorProtoSchema, proto);
    clearField(bare, FileDescriptorProtoSchema.field.sourceCodeInfo);
    return bare;
  });
  return toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: protos }));
}
