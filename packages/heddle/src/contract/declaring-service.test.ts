/**
 * A service whose contract declares errors, for unit tests, made without generated code; and what is found in contracts.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  create,
  createFileRegistry,
  type Message,
  type MessageInitShape,
  setExtension,
} from "@bufbuild/protobuf";
import type { GenMessage, GenService } from "@bufbuild/protobuf/codegenv2";
import {
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FileDescriptorProtoSchema,
  type EmptySchema,
  file_google_protobuf_empty,
  type FileDescriptorProto,
  MethodOptionsSchema,
} from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { http } from "../gen/google/api/annotations_pb.ts";
import { HttpRuleSchema } from "../gen/google/api/http_pb.ts";
import { Code as DeclaredCode } from "../gen/google/rpc/code_pb.ts";
import { error, MethodErrorSchema } from "../gen/heddle/options/v1/errors_pb.ts";
import { HeddleError, isHeddleError } from "../call/errors.ts";
import { declaredErrorsOf, declaredStatus } from "./declared-errors.ts";
import { httpStatusOfError } from "./rest/http-status.ts";

/** As generated code would have them. */
export type SoldOut = Message<"heddle.declaring.SoldOut"> & { sku: string; left: number };
export type Declined = Message<"heddle.elsewhere.Declined"> & { reason: string };

type Method<Kind extends string> = {
  methodKind: Kind;
  input: typeof EmptySchema;
  output: typeof EmptySchema;
};
type ShopService = GenService<{
  buy: Method<"unary">;
  watch: Method<"server_streaming">;
  ask: Method<"unary">;
}>;
type Errors = readonly MessageInitShape<typeof MethodErrorSchema>[];

const sku = { name: "sku", jsonName: "sku", number: 1, type: Type.STRING, label: Label.OPTIONAL };
const left = { name: "left", jsonName: "left", number: 2, type: Type.UINT32, label: Label.OPTIONAL };
const reason = { name: "reason", jsonName: "reason", number: 1, type: Type.STRING, label: Label.OPTIONAL };
const types = { inputType: ".google.protobuf.Empty", outputType: ".google.protobuf.Empty" };

/** `Buy` and `Watch` declare these errors; `Ask` none. `Declined` and what is in it stand in an imported file. */
export function shopOf(errors: Errors) {
  const [options, bound] = [optionsOf(errors), optionsOf(errors)];
  setExtension(
    bound,
    http,
    create(HttpRuleSchema, { pattern: { case: "post", value: "/v1/buy" }, body: "*" }),
  );
  const elsewhere = create(FileDescriptorProtoSchema, {
    name: "elsewhere.proto",
    package: "heddle.elsewhere",
    syntax: "proto3",
    messageType: [{ name: "Declined", field: [reason], nestedType: [{ name: "Why" }] }],
  });
  const file = create(FileDescriptorProtoSchema, {
    name: "declaring.proto",
    package: "heddle.declaring",
    syntax: "proto3",
    dependency: ["google/protobuf/empty.proto", "elsewhere.proto"],
    messageType: [{ name: "SoldOut", field: [sku, left] }],
    service: [
      {
        name: "Shop",
        method: [
          { name: "Buy", ...types, options: bound },
          { name: "Watch", ...types, options, serverStreaming: true },
          { name: "Ask", ...types },
        ],
      },
    ],
  });
  const imported: Readonly<Record<string, FileDescriptorProto>> = {
    "google/protobuf/empty.proto": file_google_protobuf_empty.proto,
    "elsewhere.proto": elsewhere,
  };
  const registry = createFileRegistry(file, (name) => imported[name]);
  return {
    Shop: registry.getService("heddle.declaring.Shop") as unknown as ShopService,
    SoldOutSchema: registry.getMessage("heddle.declaring.SoldOut") as GenMessage<SoldOut>,
    DeclinedSchema: registry.getMessage("heddle.elsewhere.Declined") as GenMessage<Declined>,
  };
}

function optionsOf(errors: Errors) {
  const options = create(MethodOptionsSchema);
  setExtension(
    options,
    error,
    errors.map((each) => create(MethodErrorSchema, each)),
  );
  return options;
}

export const soldOut = {
  code: DeclaredCode.FAILED_PRECONDITION,
  detail: "heddle.declaring.SoldOut",
  description: "There is not enough of it.",
};
export const declined = { code: DeclaredCode.PERMISSION_DENIED, detail: "heddle.elsewhere.Declined" };

export const { Shop, SoldOutSchema, DeclinedSchema } = shopOf([
  soldOut,
  declined,
  { code: DeclaredCode.NOT_FOUND, description: "There is no such thing." },
]);

test("what a contract declares: codes, details of this file and of others, errors without one", () => {
  assert.deepEqual(
    declaredErrorsOf(Shop.method.buy).map(({ code, detail, description }) => [
      code,
      detail?.typeName,
      description,
    ]),
    [
      [Code.FailedPrecondition, "heddle.declaring.SoldOut", "There is not enough of it."],
      [Code.PermissionDenied, "heddle.elsewhere.Declined", ""],
      [Code.NotFound, undefined, "There is no such thing."],
    ],
  );
  assert.equal(declaredErrorsOf(Shop.method.buy), declaredErrorsOf(Shop.method.buy));
  assert.deepEqual(declaredErrorsOf(Shop.method.ask), []);
});

test("a message within another may be a detail", () => {
  const { Shop } = shopOf([{ ...declined, detail: "heddle.elsewhere.Declined.Why" }]);
  assert.equal(declaredErrorsOf(Shop.method.buy)[0]?.detail?.typeName, "heddle.elsewhere.Declined.Why");
});

test("over REST an error has the status of its code, or the one that the contract gives it", () => {
  const { Shop } = shopOf([
    { ...soldOut, httpStatus: 409 },
    declined,
    { code: DeclaredCode.INVALID_ARGUMENT, httpStatus: 422 },
  ]);
  const { buy, ask } = Shop.method;
  assert.deepEqual(
    declaredErrorsOf(buy).map(({ httpStatus }) => httpStatus),
    [409, 403, 422],
  );
  const thrown = (code: Code, ...types: string[]) => {
    const error = new ConnectError("", code);
    error.details = types.map((type) => ({ type, value: new Uint8Array() }));
    return error;
  };
  for (const [error, status] of [
    [thrown(Code.FailedPrecondition, "google.rpc.RetryInfo", "heddle.declaring.SoldOut"), 409],
    [thrown(Code.FailedPrecondition), undefined],
    [thrown(Code.Aborted, "heddle.declaring.SoldOut"), undefined],
    [thrown(Code.InvalidArgument), 422],
    [thrown(Code.InvalidArgument, "google.rpc.BadRequest"), 422],
    [new HeddleError("requestBreaksRules"), undefined],
  ] as const)
    assert.equal(declaredStatus(buy, error), status, error.message);
  assert.equal(declaredStatus(ask, thrown(Code.InvalidArgument)), undefined);
  assert.equal(
    httpStatusOfError(thrown(Code.FailedPrecondition), { declared: 409, isConditional: true }),
    409,
  );
  assert.equal(
    httpStatusOfError(thrown(Code.FailedPrecondition), { declared: 400, isConditional: true }),
    412,
  );
});

const misuses: readonly (readonly [what: string, errors: Errors, says: RegExp])[] = [
  ["no code", [{ detail: soldOut.detail }], /heddle\.declaring\.SoldOut has no code, or OK/],
  ["code OK, no detail", [{ code: DeclaredCode.OK }], /an error without a detail has no code, or OK/],
  ["a code of the future", [{ ...soldOut, code: 99 as DeclaredCode }], /SoldOut has code 99/],
  [
    "a detail that is nowhere",
    [{ ...soldOut, detail: "heddle.declaring.SoldOff" }],
    /no message heddle\.declaring\.SoldOff in declaring\.proto/,
  ],
  ["a detail without its package", [{ ...soldOut, detail: "SoldOut" }], /no message SoldOut in declaring/],
  [
    "a detail with a dot before it",
    [{ ...soldOut, detail: ".heddle.declaring.SoldOut" }],
    /no message \.heddle/,
  ],
  [
    "a service as a detail",
    [{ ...soldOut, detail: "heddle.declaring.Shop" }],
    /no message heddle\.declaring\.Shop/,
  ],
  ["a status of no error", [{ ...soldOut, httpStatus: 200 }], /SoldOut has HTTP status 200, which is none/],
  ["one detail twice", [soldOut, { ...soldOut, code: DeclaredCode.ABORTED }], /SoldOut is declared twice/],
];

for (const [what, errors, says] of misuses) {
  test(`${what} is refused`, () => {
    assert.throws(
      () => declaredErrorsOf(shopOf(errors).Shop.method.buy),
      (thrown) => isHeddleError(thrown) && thrown.reason === "errorsInvalid" && says.test(thrown.message),
    );
  });
}
