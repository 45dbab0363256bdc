/**
 * A service for unit tests, made without generated code: every kind of method, bytes in and bytes out.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, createFileRegistry } from "@bufbuild/protobuf";
import type { GenService } from "@bufbuild/protobuf/codegenv2";
import {
  BytesValueSchema,
  FileDescriptorProtoSchema,
  file_google_protobuf_wrappers,
  MethodOptions_IdempotencyLevel as Idempotency,
} from "@bufbuild/protobuf/wkt";
import { methodOf } from "./method.ts";

type Method<Kind extends string> = {
  methodKind: Kind;
  input: typeof BytesValueSchema;
  output: typeof BytesValueSchema;
};

const bytes = { inputType: ".google.protobuf.BytesValue", outputType: ".google.protobuf.BytesValue" };

const file = create(FileDescriptorProtoSchema, {
  name: "echo.proto",
  package: "heddle.unit",
  syntax: "proto3",
  dependency: ["google/protobuf/wrappers.proto"],
  service: [
    {
      name: "Echo",
      method: [
        { name: "Say", ...bytes },
        { name: "Get", ...bytes, options: { idempotencyLevel: Idempotency.NO_SIDE_EFFECTS } },
        { name: "Put", ...bytes, options: { idempotencyLevel: Idempotency.IDEMPOTENT } },
        { name: "List", ...bytes, serverStreaming: true },
        { name: "Collect", ...bytes, clientStreaming: true },
        { name: "Chat", ...bytes, serverStreaming: true, clientStreaming: true },
      ],
    },
  ],
});

const registry = createFileRegistry(file, () => file_google_protobuf_wrappers);

export const Echo = registry.getService("heddle.unit.Echo") as unknown as GenService<{
  say: Method<"unary">;
  get: Method<"unary">;
  put: Method<"unary">;
  list: Method<"server_streaming">;
  collect: Method<"client_streaming">;
  chat: Method<"bidi_streaming">;
}>;

test("what a call needs to know of a method comes from its descriptor, once", () => {
  const say = methodOf(Echo.method.say);
  assert.equal(say, methodOf(Echo.method.say));
  assert.deepEqual([say.name, say.path], ["heddle.unit.Echo/Say", "/heddle.unit.Echo/Say"]);
  assert.deepEqual(
    [say, methodOf(Echo.method.get), methodOf(Echo.method.put)].map(({ idempotent }) => idempotent),
    [false, true, true],
  );
  const value = Uint8Array.of(1, 2);
  const bytes = say.input.encode({ value } as never);
  assert.deepEqual([...bytes], [0x0a, 2, 1, 2]);
  assert.deepEqual(
    say.input.encode(create(BytesValueSchema, { value })),
    bytes,
    "a message and what it can be made of are the same",
  );
});
