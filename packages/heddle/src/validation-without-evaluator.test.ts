/** A contract with rules where the package that checks them is not installed: a process of its own, which cannot find it. */
import assert from "node:assert/strict";
import { registerHooks } from "node:module";
import { test } from "node:test";
import { ConnectError } from "@connectrpc/connect";
import { Echo } from "./contract/echo-service.test.ts";
import { Orders } from "./contract/validation/ruled-service.test.ts";
import { implement } from "./server/implement.ts";
import { createServer } from "./server/server.ts";

registerHooks({
  resolve(specifier, context, next) {
    if (specifier !== "@bufbuild/protovalidate") return next(specifier, context);
    throw Object.assign(new Error(`Cannot find package '${specifier}'`), { code: "ERR_MODULE_NOT_FOUND" });
  },
});

test("it is refused with the line that mends it", async () => {
  await assert.rejects(createServer({ services: [implement(Orders, {})] }), (error) => {
    assert.ok(error instanceof ConnectError);
    assert.match(
      error.rawMessage,
      /heddle\.ruled\.Order has rules.+npm install @bufbuild\/protovalidate.+\(HDL-1002\)$/,
    );
    return true;
  });
});

test("without rules, or unchecked, nothing is missing", async () => {
  for (const options of [
    { services: [implement(Echo, {})] },
    { services: [implement(Orders, {})], validate: false as const },
  ])
    await (await createServer(options)).close();
});
