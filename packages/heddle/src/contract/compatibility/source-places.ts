/**
 * Where the parts of a contract stand in their `.proto` files, as an image says that has `source_code_info` (`buf build` writes
 * it by itself, protoc with `--include_source_info`). Generated code has none.
 */
import type { DescriptorProto, EnumDescriptorProto, FileDescriptorProto } from "@bufbuild/protobuf/wkt";

export interface Place {
  /** As the contract names its file: `shop/v1/order.proto`. */
  readonly file: string;
  /** From 1. Undefined where the image has no lines. */
  readonly line: number | undefined;
}

/** By full name; a method is `shop.v1.OrderService/PlaceOrder`, all others have dots. A file has its path. */
export type Places = ReadonlyMap<string, Place>;

export function placesOf(files: Iterable<FileDescriptorProto>): Places {
  const places = new Map<string, Place>();
  for (const file of files) collect(file, places);
  return places;
}

function collect(proto: FileDescriptorProto, places: Map<string, Place>): void {
  const lines = new Map<string, number>();
  for (const { path, span } of proto.sourceCodeInfo?.location ?? []) {
    const [line] = span;
    if (line !== undefined && !lines.has(path.join())) lines.set(path.join(), line + 1);
  }
  const put = (name: string, ...path: number[]) =>
    places.set(name, { file: proto.name, line: lines.get(path.join()) });
  const scope = proto.package === "" ? "" : `${proto.package}.`;

  const putEnum = (prefix: string, desc: EnumDescriptorProto, path: number[]) => {
    const name = `${prefix}${desc.name}`;
    put(name, ...path);
    desc.value.forEach((value, i) => put(`${name}.${value.name}`, ...path, IN_ENUM.value, i));
  };
  const putMessage = (prefix: string, desc: DescriptorProto, path: number[]) => {
    const name = `${prefix}${desc.name}`;
    put(name, ...path);
    desc.field.forEach((field, i) => put(`${name}.${field.name}`, ...path, IN_MESSAGE.field, i));
    desc.extension.forEach((field, i) => put(`${name}.${field.name}`, ...path, IN_MESSAGE.extension, i));
    desc.nestedType.forEach((nested, i) => putMessage(`${name}.`, nested, [...path, IN_MESSAGE.nested, i]));
    desc.enumType.forEach((nested, i) => putEnum(`${name}.`, nested, [...path, IN_MESSAGE.enum, i]));
  };

  places.set(proto.name, { file: proto.name, line: lines.get(String(IN_FILE.package)) });
  proto.messageType.forEach((desc, i) => putMessage(scope, desc, [IN_FILE.message, i]));
  proto.enumType.forEach((desc, i) => putEnum(scope, desc, [IN_FILE.enum, i]));
  proto.extension.forEach((field, i) => put(`${scope}${field.name}`, IN_FILE.extension, i));
  proto.service.forEach((service, i) => {
    const name = `${scope}${service.name}`;
    put(name, IN_FILE.service, i);
    service.method.forEach((method, j) =>
      put(`${name}/${method.name}`, IN_FILE.service, i, IN_SERVICE.method, j),
    );
  });
}

// Numbers of fields in google/protobuf/descriptor.proto, of which paths are made.
const IN_FILE = { package: 2, message: 4, enum: 5, service: 6, extension: 7 };
const IN_MESSAGE = { field: 2, nested: 3, enum: 4, extension: 6 };
const IN_ENUM = { value: 2 };
const IN_SERVICE = { method: 2 };
