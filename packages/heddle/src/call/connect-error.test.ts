import { create, createRegistry, toBinary } from "@bufbuild/protobuf";
import { anyPack, AnySchema, DurationSchema, StringValueSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { errorFromJson, errorToJson } from "@connectrpc/connect/protocol-connect";
import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConnectError, readConnectError, writeConnectError } from "./connect-error.ts";

const declined = new ConnectError("no cover", Code.FailedPrecondition, undefined, [
  { desc: StringValueSchema, value: { value: "x" } },
  { desc: DurationSchema, value: { seconds: 3n } },
]);

test("an error is code, message and details, with their JSON form to look at", () => {
  assert.deepEqual(writeConnectError(declined), {
    code: "failed_precondition",
    message: "no cover",
    details: [
      { type: "google.protobuf.StringValue", value: "CgF4", debug: "x" },
      { type: "google.protobuf.Duration", value: "CAM", debug: "3s" },
    ],
  });
  assert.deepEqual(writeConnectError(new ConnectError("", Code.Aborted)), { code: "aborted" });
});

test("what Connect writes is read, and what is written Connect reads", () => {
  const fallback = new ConnectError("fallback", Code.Unknown);
  for (const error of [
    readConnectError(errorToJson(declined, undefined), Code.Unknown),
    errorFromJson(structuredClone(writeConnectError(declined)) as never, undefined, fallback),
  ]) {
    assert.equal(error?.code, Code.FailedPrecondition);
    assert.equal(error.rawMessage, "no cover");
    assert.deepEqual(
      error.findDetails(StringValueSchema).map(({ value }) => value),
      ["x"],
    );
    assert.deepEqual(
      error.findDetails(DurationSchema).map(({ seconds }) => seconds),
      [3n],
    );
    assert.equal(error.isWireError, true);
  }
});

test("an Any in a detail is shown when its type is known", () => {
  const any = anyPack(StringValueSchema, create(StringValueSchema, { value: "inner" }));
  const error = new ConnectError("m", Code.Internal, undefined, [{ desc: AnySchema, value: any }]);
  assert.equal(writeConnectError(error).details?.[0]?.debug, undefined);
  assert.deepEqual(writeConnectError(error, createRegistry(StringValueSchema)).details?.[0]?.debug, {
    "@type": "type.googleapis.com/google.protobuf.StringValue",
    value: "inner",
  });
});

test("details of another server are passed on as they came", () => {
  const value = toBinary(StringValueSchema, create(StringValueSchema, { value: "x" }));
  const error = new ConnectError("m", Code.Internal);
  error.details = [
    { type: "unknown.Type", value, debug: { a: 1 } },
    { type: "other.Type", value },
  ];
  assert.deepEqual(writeConnectError(error).details, [
    { type: "unknown.Type", value: "CgF4", debug: { a: 1 } },
    { type: "other.Type", value: "CgF4" },
  ]);
});

test("a code that is missing or unknown is the fallback's; fields nobody knows are ignored", () => {
  for (const json of [{}, { code: null }, { code: "foobar" }, { code: 5, extra: true }, { details: null }])
    assert.equal(readConnectError(json, Code.Unauthenticated)?.code, Code.Unauthenticated);
  const read = readConnectError(
    { code: "aborted", message: null, details: [{ type: "a.B", value: "CgF4==", x: 1 }] },
    Code.Unknown,
  );
  assert.deepEqual([read?.code, read?.rawMessage, read?.details.length], [Code.Aborted, "", 1]);
});

test("what is no error is none, and nothing throws", () => {
  for (const json of [
    null,
    [],
    "aborted",
    3,
    { code: "aborted", message: 5 },
    { code: "aborted", details: {} },
    { code: "aborted", details: [null] },
    { code: "aborted", details: [{ type: "a.B" }] },
    { code: "aborted", details: [{ type: "a.B", value: "*" }] },
  ])
    assert.equal(readConnectError(json, Code.Unknown), undefined, JSON.stringify(json));
  fc.assert(fc.property(fc.jsonValue(), (json) => (readConnectError(json, Code.Unknown), true)));
  fc.assert(fc.property(fc.uint8Array(), (body) => (parseConnectError(body, Code.Unknown), true)));
  assert.equal(
    parseConnectError(new TextEncoder().encode('{"code":"not_found"}'), Code.Unknown)?.code,
    Code.NotFound,
  );
});
