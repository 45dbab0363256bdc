import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { StringValueSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { isHeddleError } from "../call/errors.ts";
import { Shop, DeclinedSchema, SoldOutSchema } from "./declaring-service.test.ts";
import { errorDetail, errorsOf } from "./method-errors.ts";

const buyErrors = errorsOf(Shop.method.buy, [SoldOutSchema, DeclinedSchema]);

/** As an error comes from the network. */
function received(error: ConnectError): ConnectError {
  const copy = new ConnectError(error.rawMessage, error.code);
  for (const detail of error.details) {
    assert.ok("desc" in detail);
    const value = toBinary(detail.desc, create(detail.desc, detail.value));
    copy.details.push({ type: detail.desc.typeName, value });
  }
  return copy;
}

test("an error is made with the code that the contract declares", () => {
  const cause = new Error("why");
  const options = { message: "2 mugs, 1 left", metadata: { "x-shop": "7" }, cause };
  const error = buyErrors.create(SoldOutSchema, { sku: "mug", left: 1 }, options);
  assert.equal(error.code, Code.FailedPrecondition);
  assert.equal(error.rawMessage, "2 mugs, 1 left");
  assert.equal(error.metadata.get("x-shop"), "7");
  assert.equal(error.cause, cause);
  assert.equal(buyErrors.create(DeclinedSchema, { reason: "poor" }).code, Code.PermissionDenied);
});

test("without a message it has the description of the contract", () => {
  assert.equal(buyErrors.create(SoldOutSchema, {}).rawMessage, "There is not enough of it.");
  assert.equal(buyErrors.create(DeclinedSchema, {}).rawMessage, "");
});

test("a caller tells by `$typeName` which error it is, and has its fields", () => {
  const tell = (error: unknown): string => {
    const detail = buyErrors.detailOf(error);
    switch (detail?.$typeName) {
      case "heddle.declaring.SoldOut":
        return `${detail.left} ${detail.sku} left`;
      case "heddle.elsewhere.Declined":
        return `declined: ${detail.reason}`;
      case undefined:
        return "something else";
      default:
        // Nothing is left: the switch has all of them.
        return detail satisfies never;
    }
  };
  assert.equal(tell(received(buyErrors.create(SoldOutSchema, { sku: "mug", left: 1 }))), "1 mug left");
  assert.equal(tell(buyErrors.create(DeclinedSchema, { reason: "poor" })), "declined: poor");
  for (const other of [new ConnectError("no", Code.FailedPrecondition), new Error("no"), "no", undefined])
    assert.equal(tell(other), "something else");
});

test("a detail whose bytes are damaged is none", () => {
  const error = new ConnectError("no", Code.FailedPrecondition);
  error.details.push({ type: SoldOutSchema.typeName, value: Uint8Array.of(10, 200) });
  assert.equal(buyErrors.detailOf(error), undefined);
});

test("any detail can be asked for, declared or not", () => {
  const error = received(
    new ConnectError("no", Code.Internal, undefined, [{ desc: StringValueSchema, value: { value: "x" } }]),
  );
  const detail = errorDetail(error, StringValueSchema);
  assert.equal(detail?.value, "x");
  assert.equal(errorDetail(error, SoldOutSchema), undefined);
});

const lists: readonly (readonly [what: string, make: () => unknown, says: RegExp])[] = [
  [
    "misses one",
    () => errorsOf(Shop.method.buy, [SoldOutSchema]),
    /declares heddle\.elsewhere\.Declined too/,
  ],
  [
    "has one too many",
    () => errorsOf(Shop.method.buy, [SoldOutSchema, DeclinedSchema, StringValueSchema]),
    /does not declare google\.protobuf\.StringValue/,
  ],
  ["is for a method without errors", () => errorsOf(Shop.method.ask, [SoldOutSchema]), /does not declare/],
];
for (const [what, make, says] of lists) {
  test(`a list that ${what} is refused where it is made`, () => {
    assert.throws(
      make,
      (error) => isHeddleError(error) && error.reason === "errorsInvalid" && says.test(error.message),
    );
  });
}

test("TypeScript takes only errors of the list, with fields that they have", () => {
  // @ts-expect-error: not one of the list
  assert.throws(() => buyErrors.create(StringValueSchema, { value: "x" }), /HDL-1011/);
  // @ts-expect-error: SoldOut has no such field
  buyErrors.create(SoldOutSchema, { reason: "poor" });
  // @ts-expect-error: a number
  buyErrors.create(SoldOutSchema, { left: "poor" });
  const detail = buyErrors.detailOf(new Error("no"));
  // @ts-expect-error: it may be none of them
  assert.throws(() => detail.sku);
  // @ts-expect-error: it may be the other one
  assert.equal(detail?.sku, undefined);
  // @ts-expect-error: not one of the list
  assert.equal(detail?.$typeName === "google.protobuf.StringValue", false);
});
