/**
 * What the authors of a contract have written beside its parts. Generated code has no comments in its descriptors, so they come
 * from where they are: an image of the contract, `buf build -o contract.binpb`, or protoc's with `--include_source_info`.
 */
import { type DescFile, fromBinary } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FileDescriptorProto,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";

export interface Comments {
  /**
   * Of a message, enum or service by its full name; of a field, a oneof, a method or a value of an enum by that of its parent,
   * a dot and its own. Undefined when nothing is written there.
   */
  of(name: string): string | undefined;
}

/** `image` is a `google.protobuf.FileDescriptorSet`. Throws for bytes that are none. */
export function createComments(files: Iterable<DescFile>, image?: Uint8Array): Comments {
  const texts = new Map<string, string>();
  for (const { proto } of files) collect(proto, texts);
  if (image !== undefined)
    for (const file of fromBinary(FileDescriptorSetSchema, image).file) collect(file, texts);
  return { of: (name) => texts.get(name) };
}

function collect(file: FileDescriptorProto, texts: Map<string, string>): void {
  for (const { path, leadingComments, trailingComments } of file.sourceCodeInfo?.location ?? []) {
    const text = tidy(leadingComments) || tidy(trailingComments);
    const name = text === "" ? undefined : nameAt(file, path);
    if (name !== undefined) texts.set(name, text);
  }
}

/** Lines lose the space behind the slashes; what is meant for tools goes. */
function tidy(comment: string): string {
  return comment
    .split("\n")
    .map((line) => line.replace(/^ /, "").trimEnd())
    .filter((line) => !TO_TOOLS.test(line))
    .join("\n")
    .trim();
}

const TO_TOOLS = /^(buf:lint:|@exclude|protolint:|\(-- api-linter)/;

/**
 * A path is numbers of fields of `FileDescriptorProto` and places in their lists. Undefined for what is none of the parts that
 * have a name here: options, types of fields, ….
 */
function nameAt(file: FileDescriptorProto, [kind, at = -1, ...rest]: readonly number[]): string | undefined {
  const scope = file.package === "" ? "" : `${file.package}.`;
  if (kind === IN_FILE.message) return inMessage(scope, file.messageType[at], rest);
  if (kind === IN_FILE.enum) return inEnum(scope, file.enumType[at], rest);
  const service = kind === IN_FILE.service ? file.service[at] : undefined;
  if (service === undefined) return undefined;
  return inList(`${scope}${service.name}`, service.method, rest, IN_SERVICE.method);
}

const IN_FILE = { message: 4, enum: 5, service: 6 };
const IN_MESSAGE = { field: 2, message: 3, enum: 4, oneof: 8 };
const IN_ENUM = { value: 2 };
const IN_SERVICE = { method: 2 };

function inMessage(
  scope: string,
  message: DescriptorProto | undefined,
  path: readonly number[],
): string | undefined {
  if (message === undefined) return undefined;
  const name = `${scope}${message.name}`;
  const [kind, at = -1, ...rest] = path;
  if (kind === IN_MESSAGE.message) return inMessage(`${name}.`, message.nestedType[at], rest);
  if (kind === IN_MESSAGE.enum) return inEnum(`${name}.`, message.enumType[at], rest);
  return kind === IN_MESSAGE.oneof
    ? inList(name, message.oneofDecl, path, IN_MESSAGE.oneof)
    : inList(name, message.field, path, IN_MESSAGE.field);
}

function inEnum(
  scope: string,
  desc: EnumDescriptorProto | undefined,
  path: readonly number[],
): string | undefined {
  return desc === undefined ? undefined : inList(`${scope}${desc.name}`, desc.value, path, IN_ENUM.value);
}

function inList(
  parent: string,
  list: readonly { readonly name: string }[],
  path: readonly number[],
  wanted: number,
): string | undefined {
  if (path.length === 0) return parent;
  const [kind, at = -1] = path;
  const name = kind === wanted && path.length === 2 ? list[at]?.name : undefined;
  return name === undefined ? undefined : `${parent}.${name}`;
}
