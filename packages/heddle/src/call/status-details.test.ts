import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";
import { DurationSchema, StringValueSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { decodeStatusDetails, encodeStatusDetails } from "./status-details.ts";

function received(header: string | undefined): ConnectError {
  const error = new ConnectError("declined", Code.FailedPrecondition);
  error.details = decodeStatusDetails(header);
  return error;
}

test("details of an error arrive as they were", () => {
  const error = new ConnectError("declined", Code.FailedPrecondition, undefined, [
    { desc: StringValueSchema, value: { value: "no cover" } },
    { desc: DurationSchema, value: { seconds: 3n } },
  ]);
  const there = received(encodeStatusDetails(error));
  assert.deepEqual(
    there.findDetails(StringValueSchema).map(({ value }) => value),
    ["no cover"],
  );
  assert.deepEqual(
    there.findDetails(DurationSchema).map(({ seconds }) => seconds),
    [3n],
  );
});

test("details that came from another server are passed on as bytes", () => {
  const value = toBinary(StringValueSchema, create(StringValueSchema, { value: "x" }));
  const first = new ConnectError("declined", Code.Aborted);
  first.details = [{ type: "google.protobuf.StringValue", value }];
  const second = received(encodeStatusDetails(first));
  assert.equal(
    encodeStatusDetails(first),
    encodeStatusDetails(
      Object.assign(new ConnectError("declined", Code.Aborted), { details: second.details }),
    ),
  );
  assert.equal(second.findDetails(StringValueSchema)[0]?.value, "x");
});

test("an error without details has no header, and no header has no details", () => {
  assert.equal(encodeStatusDetails(new ConnectError("x", Code.Internal)), undefined);
  assert.deepEqual(decodeStatusDetails(undefined), []);
  assert.deepEqual(decodeStatusDetails(""), []);
});

test("damaged bytes are no details, and nothing throws", () => {
  assert.deepEqual(decodeStatusDetails("not base64!"), []);
  assert.deepEqual(decodeStatusDetails(base64Encode(Uint8Array.of(0x1a, 0x7f, 1))), []);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) =>
      Array.isArray(decodeStatusDetails(base64Encode(bytes))),
    ),
  );
  const whole = encodeStatusDetails(
    new ConnectError("m", Code.Internal, undefined, [{ desc: StringValueSchema, value: { value: "abc" } }]),
  ) as string;
  const bytes = base64Decode(whole);
  for (let length = 0; length < bytes.length; length++) {
    assert.ok(decodeStatusDetails(base64Encode(bytes.subarray(0, length))).length <= 1);
  }
});
