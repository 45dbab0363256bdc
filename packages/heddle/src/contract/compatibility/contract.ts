/**
 * A contract as it is compared: its own files, without what it imports from others, with their parts by full name.
 */
import {
  createFileRegistry,
  type DescEnum,
  type DescExtension,
  type DescFile,
  type DescMessage,
  type DescService,
  fromBinary,
} from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { type FileDescriptorProto, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { type Places, placesOf } from "./source-places.ts";

export interface Contract {
  /** By path. */
  readonly files: ReadonlyMap<string, DescFile>;
  /** Entries of maps are not among them. */
  readonly messages: ReadonlyMap<string, DescMessage>;
  readonly enums: ReadonlyMap<string, DescEnum>;
  readonly services: ReadonlyMap<string, DescService>;
  readonly extensions: ReadonlyMap<string, DescExtension>;
  readonly packages: ReadonlySet<string>;
  readonly places: Places;
  /** Methods without an annotation have a path by convention. */
  readonly conventions: boolean;
}

export interface ContractOptions {
  /** Whether methods without an annotation are served by convention. Default false. */
  readonly conventions?: boolean;
}

/**
 * Of an image: a `google.protobuf.FileDescriptorSet`, as `buf build -o contract.binpb` and
 * `protoc --descriptor_set_out=contract.binpb --include_imports` write it. Throws for bytes that are none, and for one that lacks
 * what it imports.
 */
export function readContract(image: Uint8Array, options: ContractOptions = {}): Contract {
  const set = fromBinary(FileDescriptorSetSchema, image);
  const registry = createFileRegistry(set);
  const own = set.file.filter((file) => !isImported(file));
  const files = own.flatMap(({ name }) => registry.getFile(name) ?? []);
  return createContract(files, placesOf(own), options);
}

export function createContract(
  files: Iterable<DescFile>,
  places: Places,
  { conventions = false }: ContractOptions = {},
): Contract {
  const contract = {
    files: new Map<string, DescFile>(),
    messages: new Map<string, DescMessage>(),
    enums: new Map<string, DescEnum>(),
    services: new Map<string, DescService>(),
    extensions: new Map<string, DescExtension>(),
    packages: new Set<string>(),
    places,
    conventions,
  };
  for (const file of files) {
    contract.files.set(file.proto.name, file);
    contract.packages.add(file.proto.package);
    for (const type of nestedTypes(file)) {
      if (type.kind === "message") contract.messages.set(type.typeName, type);
      else if (type.kind === "enum") contract.enums.set(type.typeName, type);
      else if (type.kind === "service") contract.services.set(type.typeName, type);
      else contract.extensions.set(type.typeName, type);
    }
  }
  return contract;
}

/** Types that everybody has, and files that buf marks as not its own. */
function isImported(file: FileDescriptorProto): boolean {
  if (file.name.startsWith("google/protobuf/")) return true;
  const marks = file.$unknown?.find(({ no }) => no === BUF_EXTENSION)?.data;
  // A length, and then `is_import: true` first, as buf writes it.
  return marks !== undefined && marks[1] === IS_IMPORT_TAG && marks[2] === 1;
}

/** Field of `FileDescriptorProto` in images of buf: https://buf.build/docs/reference/images */
const BUF_EXTENSION = 8042;
/** Field 1, a varint. */
const IS_IMPORT_TAG = 0x08;
