/**
 * A service with rules for tests, made without generated code: rules of fields, within a list, of a oneof, and of a message as
 * a whole; a message that may contain itself; and one whose rules make no sense.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  create,
  createFileRegistry,
  type DescMessage,
  type Message,
  type MessageInitShape,
  setExtension,
} from "@bufbuild/protobuf";
import type { GenMessage, GenService } from "@bufbuild/protobuf/codegenv2";
import {
  DescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FieldDescriptorProtoSchema,
  FieldOptionsSchema,
  FileDescriptorProtoSchema,
  MessageOptionsSchema,
  MethodOptionsSchema,
  OneofDescriptorProtoSchema,
  OneofOptionsSchema,
} from "@bufbuild/protobuf/wkt";
import {
  field as fieldRules,
  type FieldRulesSchema,
  file_buf_validate_validate,
  FieldRulesSchema as FieldRules,
  message as messageRules,
  MessageRulesSchema,
  oneof as oneofRules,
  OneofRulesSchema,
} from "../../gen/buf/validate/validate_pb.ts";
import { file_google_api_annotations, http } from "../../gen/google/api/annotations_pb.ts";
import { HttpRuleSchema } from "../../gen/google/api/http_pb.ts";
import { Echo } from "../echo-service.test.ts";
import { hasRules } from "./has-rules.ts";

/** As generated code would have it. */
export type Order = Message<"heddle.ruled.Order"> & {
  id: string;
  lines: Line[];
  payment: { case: "card" | "voucher"; value: string } | { case: undefined; value?: undefined };
  first: bigint;
  last: bigint;
  parent?: Order;
};
type Line = Message<"heddle.ruled.Line"> & { quantity: bigint };
type OrderSchema = GenMessage<Order>;
type Method<Kind extends string> = { methodKind: Kind; input: OrderSchema; output: OrderSchema };

const scalar = (
  name: string,
  number: number,
  type: Type,
  rules?: MessageInitShape<typeof FieldRulesSchema>,
  more: MessageInitShape<typeof FieldDescriptorProtoSchema> = {},
) => {
  const options = create(FieldOptionsSchema);
  if (rules !== undefined) setExtension(options, fieldRules, create(FieldRules, rules));
  return create(FieldDescriptorProtoSchema, {
    name,
    jsonName: name,
    number,
    type,
    label: Label.OPTIONAL,
    options,
    ...more,
  });
};

const order = create(DescriptorProtoSchema, {
  name: "Order",
  field: [
    scalar("id", 1, Type.STRING, { type: { case: "string", value: { minLen: 3n, pattern: "^[a-z-]+$" } } }),
    scalar(
      "lines",
      2,
      Type.MESSAGE,
      { type: { case: "repeated", value: { minItems: 1n } } },
      {
        typeName: ".heddle.ruled.Line",
        label: Label.REPEATED,
      },
    ),
    scalar("card", 3, Type.STRING, undefined, { oneofIndex: 0 }),
    scalar("voucher", 4, Type.STRING, undefined, { oneofIndex: 0 }),
    scalar("first", 5, Type.INT64),
    scalar("last", 6, Type.INT64),
    scalar("parent", 7, Type.MESSAGE, undefined, { typeName: ".heddle.ruled.Order" }),
  ],
  oneofDecl: [create(OneofDescriptorProtoSchema, { name: "payment", options: create(OneofOptionsSchema) })],
  options: create(MessageOptionsSchema),
});
setExtension(order.oneofDecl[0]?.options as never, oneofRules, create(OneofRulesSchema, { required: true }));
setExtension(
  order.options as never,
  messageRules,
  create(MessageRulesSchema, {
    cel: [
      { id: "order.span", message: "first must not be after last", expression: "this.first <= this.last" },
    ],
  }),
);

const path = create(MethodOptionsSchema);
setExtension(
  path,
  http,
  create(HttpRuleSchema, { pattern: { case: "post", value: "/v1/orders" }, body: "*" }),
);
const types = { inputType: ".heddle.ruled.Order", outputType: ".heddle.ruled.Order" };
const files = [file_buf_validate_validate, file_google_api_annotations];

const registry = createFileRegistry(
  create(FileDescriptorProtoSchema, {
    name: "ruled.proto",
    package: "heddle.ruled",
    syntax: "proto3",
    dependency: files.map(({ proto }) => proto.name),
    messageType: [
      order,
      {
        name: "Line",
        field: [
          scalar("quantity", 1, Type.INT64, {
            type: { case: "int64", value: { greaterThan: { case: "gt", value: 0n } } },
          }),
        ],
      },
      {
        name: "Holder",
        field: [scalar("line", 1, Type.MESSAGE, undefined, { typeName: ".heddle.ruled.Line" })],
      },
      {
        name: "Bare",
        field: [scalar("self", 1, Type.MESSAGE, undefined, { typeName: ".heddle.ruled.Bare" })],
      },
      {
        name: "Senseless",
        field: [scalar("id", 1, Type.STRING, { cel: [{ id: "id.odd", message: "", expression: "this.(" }] })],
      },
    ],
    service: [
      {
        name: "Orders",
        method: [
          { name: "Place", ...types, options: path },
          { name: "List", ...types, serverStreaming: true },
          { name: "Collect", ...types, clientStreaming: true },
          { name: "Chat", ...types, serverStreaming: true, clientStreaming: true },
        ],
      },
      {
        name: "Nonsense",
        method: [{ name: "Do", inputType: ".heddle.ruled.Senseless", outputType: ".heddle.ruled.Bare" }],
      },
    ],
  }),
  (name) => files.flatMap((file) => [file, ...file.dependencies]).find(({ proto }) => proto.name === name),
);

export const Orders = registry.getService("heddle.ruled.Orders") as unknown as GenService<{
  place: Method<"unary">;
  list: Method<"server_streaming">;
  collect: Method<"client_streaming">;
  chat: Method<"bidi_streaming">;
}>;
export const Nonsense = registry.getService("heddle.ruled.Nonsense") as unknown as typeof Orders;

test("a type has rules when it, or what may stand in it, has", () => {
  const has = (name: string) => hasRules(registry.getMessage(`heddle.ruled.${name}`) as DescMessage);
  assert.deepEqual(["Order", "Line", "Holder", "Bare"].map(has), [true, true, true, false]);
  assert.equal(hasRules(Echo.method.say.input), false);
});
