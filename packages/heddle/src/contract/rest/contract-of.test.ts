/**
 * Contracts for the tests of this folder, told in a few lines of code instead of a .proto file. `what: "optional int32"`
 * is a field; words are `optional`, `repeated`, `map <key> <value>` and `oneof <name>`, before a scalar, or a message or
 * an enum of the contract, or a full name. `etag` before all of it marks the field as its message's entity tag.
 */
import {
  create,
  createFileRegistry,
  type DescMethod,
  type FileRegistry,
  type MessageInitShape,
  setExtension,
} from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  DescriptorProtoSchema,
  Edition,
  FeatureSet_FieldPresence as Presence,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FieldDescriptorProtoSchema,
  FieldOptionsSchema,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_any,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
  MessageOptionsSchema,
  type MethodOptions_IdempotencyLevel,
  MethodOptionsSchema,
  OneofDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import { http } from "../../gen/google/api/annotations_pb.ts";
import { HttpRuleSchema } from "../../gen/google/api/http_pb.ts";
import { file_google_api_httpbody } from "../../gen/google/api/httpbody_pb.ts";
import { ResourceDescriptorSchema, resource } from "../../gen/google/api/resource_pb.ts";
import { etag, RestAnswerSchema, rest } from "../../gen/heddle/options/v1/http_pb.ts";

export interface ContractText {
  /** Default: test. */
  readonly package?: string;
  readonly messages?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly enums?: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Patterns of `google.api.resource`, by message. */
  readonly resources?: Readonly<Record<string, readonly string[]>>;
  /** `Get: { in: "GetRequest", out: "Thing" }`; a `stream` before a name streams. */
  readonly services?: Readonly<Record<string, Readonly<Record<string, MethodText>>>>;
}

export interface MethodText {
  readonly in: string;
  readonly out: string;
  readonly http?: MessageInitShape<typeof HttpRuleSchema>;
  readonly rest?: MessageInitShape<typeof RestAnswerSchema>;
  readonly deprecated?: boolean;
  readonly idempotency?: MethodOptions_IdempotencyLevel;
}

export function contractOf(text: ContractText): FileRegistry {
  const { messages = {}, enums = {}, services = {} } = text;
  const name = text.package ?? "test";
  const imports = [
    file_google_protobuf_any,
    file_google_protobuf_duration,
    file_google_protobuf_empty,
    file_google_protobuf_field_mask,
    file_google_protobuf_struct,
    file_google_protobuf_timestamp,
    file_google_protobuf_wrappers,
    file_google_api_httpbody,
  ];
  const full = (type: string) => (type.includes(".") ? `.${type}` : `.${name}.${type}`);
  const file = create(FileDescriptorProtoSchema, {
    name: `${name}.proto`,
    package: name,
    syntax: "editions",
    edition: Edition.EDITION_2023,
    options: { features: { fieldPresence: Presence.IMPLICIT } },
    dependency: imports.map((each) => each.proto.name),
    messageType: Object.entries(messages).map(([message, fields]) =>
      messageProto(message, fields, full, enums, text.resources?.[message]),
    ),
    enumType: Object.entries(enums).map(([each, values]) => ({
      name: each,
      value: Object.entries(values).map(([value, number]) => ({ name: value, number })),
    })),
    service: Object.entries(services).map(([service, methods]) => ({
      name: service,
      method: Object.entries(methods).map(([method, spec]) => ({
        name: method,
        inputType: full(spec.in.replace(/^stream /, "")),
        outputType: full(spec.out.replace(/^stream /, "")),
        clientStreaming: spec.in.startsWith("stream "),
        serverStreaming: spec.out.startsWith("stream "),
        options: methodOptions(spec),
      })),
    })),
  });
  return createFileRegistry(
    create(FileDescriptorSetSchema, { file: [...imports.map((each) => each.proto), file] }),
  );
}

/** A method of a contract by name: `Messaging.Get`. */
export function methodNamed(contract: FileRegistry, name: string): DescMethod {
  const [service, method] = name.split(".");
  for (const type of contract) {
    if (type.kind !== "service" || type.name !== service) continue;
    const found = type.methods.find((each) => each.name === method);
    if (found !== undefined) return found;
  }
  throw new Error(`no method ${name}`);
}

function methodOptions(spec: MethodText) {
  const options = create(MethodOptionsSchema);
  if (spec.idempotency !== undefined) options.idempotencyLevel = spec.idempotency;
  if (spec.deprecated === true) options.deprecated = true;
  if (spec.rest !== undefined) setExtension(options, rest, create(RestAnswerSchema, spec.rest));
  if (spec.http !== undefined) setExtension(options, http, create(HttpRuleSchema, spec.http));
  return options;
}

function messageProto(
  name: string,
  fields: Readonly<Record<string, string>>,
  full: (type: string) => string,
  enums: Readonly<Record<string, unknown>>,
  patterns: readonly string[] | undefined,
) {
  const oneofs: string[] = [];
  const nested: DescriptorProto[] = [];
  const options = create(MessageOptionsSchema);
  if (patterns !== undefined)
    setExtension(options, resource, create(ResourceDescriptorSchema, { pattern: [...patterns] }));
  const init = (
    [fieldName, text]: [string, string],
    i: number,
  ): MessageInitShape<typeof FieldDescriptorProtoSchema> => {
    if (text.startsWith("etag ")) {
      const tag = create(FieldOptionsSchema);
      setExtension(tag, etag, true);
      return { ...init([fieldName, text.slice("etag ".length)], i), options: tag };
    }
    const words = text.split(" ");
    const word = words[0];
    const base = { ...named(fieldName), number: i + 1, label: Label.OPTIONAL };
    if (word === "optional")
      return {
        ...base,
        ...typed(words[1] as string, full, enums),
        options: { features: { fieldPresence: Presence.EXPLICIT } },
      };
    if (word === "repeated")
      return { ...base, ...typed(words[1] as string, full, enums), label: Label.REPEATED };
    if (word === "oneof") {
      if (!oneofs.includes(words[1] as string)) oneofs.push(words[1] as string);
      const oneofIndex = oneofs.indexOf(words[1] as string);
      return { ...base, ...typed(words[2] as string, full, enums), oneofIndex };
    }
    if (word === "map") {
      const entry = `${jsonName(fieldName).replace(/^./, (first) => first.toUpperCase())}Entry`;
      const keyAndValue = ["key", "value"].map((part, j) => ({
        ...named(part),
        number: j + 1,
        label: Label.OPTIONAL,
        ...typed(words[j + 1] as string, full, enums),
      }));
      nested.push(
        create(DescriptorProtoSchema, { name: entry, field: keyAndValue, options: { mapEntry: true } }),
      );
      return { ...base, label: Label.REPEATED, type: Type.MESSAGE, typeName: `${full(name)}.${entry}` };
    }
    return { ...base, ...typed(text, full, enums) };
  };
  const field = Object.entries(fields).map((each, i) => create(FieldDescriptorProtoSchema, init(each, i)));
  const oneofDecl = oneofs.map((each) => create(OneofDescriptorProtoSchema, { name: each }));
  return create(DescriptorProtoSchema, { name, field, nestedType: nested, oneofDecl, options });
}

function typed(
  type: string,
  full: (type: string) => string,
  enums: Readonly<Record<string, unknown>>,
): { type: Type; typeName?: string } {
  const scalar = (Type as unknown as Record<string, Type>)[type.toUpperCase()];
  if (scalar !== undefined && type === type.toLowerCase()) return { type: scalar };
  return { type: type in enums || ENUMS.has(type) ? Type.ENUM : Type.MESSAGE, typeName: full(type) };
}

const ENUMS: ReadonlySet<string> = new Set(["google.protobuf.NullValue"]);

function named(name: string) {
  return { name, jsonName: jsonName(name) };
}

function jsonName(name: string): string {
  return name.replace(/_+(.)/g, (_, letter: string) => letter.toUpperCase());
}
