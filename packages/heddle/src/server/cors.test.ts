import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isHeddleError } from "../call/errors.ts";
import { type CorsOptions, createCorsPolicy } from "./cors.ts";
import { openWorld, utf8 } from "./protocols/asking.test.ts";

const shop = "https://shop.example";

const preflight = (origin: string, fields: Record<string, string> = {}) => ({
  method: "OPTIONS",
  type: "",
  fields: { origin, "access-control-request-method": "POST", ...fields },
});

const body = [utf8('"FA=="')];

test("a preflight of a named origin is answered 204, with all that the protocols send", async () => {
  await using world = await openWorld({ cors: { origins: [shop], allowHeaders: ["Authorization"] } });
  const answer = await world.ask(preflight(shop));
  assert.equal(answer.status, "204");
  assert.equal(answer.body.length, 0);
  const allowed = answer.fields.get("access-control-allow-headers");
  assert.match(
    allowed ?? "",
    /^content-type, .*connect-protocol-version, connect-timeout-ms, .*x-grpc-web.*, authorization$/,
  );
  answer.fields.delete("access-control-allow-headers");
  assert.deepEqual(Object.fromEntries(answer.fields), {
    "access-control-allow-methods": "GET, POST",
    "access-control-allow-origin": shop,
    "access-control-max-age": "7200",
    vary: "origin",
  });
});

test("a preflight of any other origin is refused, and learns no name", async () => {
  await using world = await openWorld({ cors: { origins: [shop] } });
  for (const origin of [
    "https://evil.example",
    "null",
    "https://shop.example.evil",
    "http://shop.example",
    "https://shop.example:444",
    "HTTPS://SHOP.EXAMPLE",
    "",
  ]) {
    const answer = await world.ask(preflight(origin));
    assert.equal(answer.status, "403");
    assert.deepEqual(Object.fromEntries(answer.fields), { "content-length": "0", vary: "origin" });
  }
});

test("answers of every protocol say so, refusals and errors too", async () => {
  await using world = await openWorld({ cors: { origins: [shop], exposeHeaders: ["X-Request-Id"] } });
  const type = "application/grpc-web+proto";
  for (const asked of [
    { body },
    { body: [utf8("{")] },
    { type, body: [new Uint8Array(5)] },
    { type: "application/connect+json", path: "/heddle.unit.Echo/List", body },
    { type: "text/plain", body },
    { path: "/a.B/C", body },
    { method: "GET", type: "", path: "/heddle.unit.Echo/Get?encoding=json&message=%22%22" },
  ]) {
    const { fields } = await world.ask({ ...asked, fields: { origin: shop } });
    assert.equal(fields.get("access-control-allow-origin"), shop);
    assert.match(fields.get("vary") ?? "", /\borigin$/);
    const exposed = fields.get("access-control-expose-headers") ?? "";
    for (const name of [
      "grpc-status",
      "grpc-message",
      "grpc-status-details-bin",
      "x-request-id",
      "trailer-x-request-id",
    ])
      assert.ok(exposed.split(", ").includes(name), name);
    assert.equal(fields.get("access-control-allow-credentials"), null);
  }
  const without = (await world.ask({ body })).fields;
  assert.deepEqual([without.get("vary"), without.get("access-control-allow-origin")], ["origin", null]);
});

test("off unless origins are named: then OPTIONS is a method like others", async () => {
  await using world = await openWorld();
  const answer = await world.ask(preflight(shop));
  assert.deepEqual([answer.status, answer.fields.get("allow")], ["405", "POST"]);
  assert.equal((await world.ask({ body, fields: { origin: shop } })).fields.get("vary"), null);
});

test("an OPTIONS that is no preflight is not answered as one", async () => {
  await using world = await openWorld({ cors: { origins: "*" } });
  assert.equal((await world.ask({ method: "OPTIONS", type: "", fields: { origin: shop } })).status, "405");
});

test("any origin: a star, and nothing that varies", () => {
  const policy = createCorsPolicy({ origins: "*" });
  assert.deepEqual(policy.preflight("https://any.example")?.slice(0, 2), [
    "access-control-allow-origin",
    "*",
  ]);
  assert.equal(policy.answer("https://any.example").includes("vary"), false);
  assert.deepEqual(policy.answer(undefined), []);
});

test("credentials only where they are asked for", () => {
  const policy = createCorsPolicy({ origins: [shop], credentials: true, maxAgeSeconds: 0 });
  for (const fields of [policy.answer(shop), policy.preflight(shop) ?? []])
    assert.ok(fields.includes("access-control-allow-credentials"));
  assert.equal(policy.preflight(shop)?.at(-1), "0");
});

test("options that would let in others than were meant are refused", () => {
  const wrong: CorsOptions[] = [
    { origins: "*", credentials: true },
    { origins: ["*"] },
    { origins: shop as never },
    {} as never,
    { origins: ["null"] },
    { origins: ["https://shop.example/"] },
    { origins: ["https://shop.example/path"] },
    { origins: ["https://user@shop.example"] },
    { origins: ["shop.example"] },
    { origins: ["https://*.example"] },
    { origins: ["https://Shop.example"] },
    { origins: ["https://shop.example:443"] },
    { origins: ["file://"] },
    { origins: [shop], allowHeaders: ["x a"] },
    { origins: [shop], exposeHeaders: ["a, b"] },
    { origins: [shop], allowHeaders: ["*"] },
    { origins: [shop], maxAgeSeconds: -1 },
  ];
  for (const options of wrong)
    assert.throws(
      () => createCorsPolicy(options),
      (error) => isHeddleError(error) && error.reason === "optionInvalid",
      JSON.stringify(options),
    );
});

test("what is sent back is a name that was given, or nothing", () => {
  const part = fc.constantFrom(
    "https://",
    "http://",
    "shop",
    ".example",
    "evil",
    ":8080",
    "/",
    "*",
    "null",
    "\t",
    ".",
  );
  const origin = fc.oneof(
    fc.string(),
    fc.array(part, { maxLength: 5 }).map((parts) => parts.join("")),
  );
  const names = [shop, "http://localhost:8080"];
  const policy = createCorsPolicy({ origins: names });
  fc.assert(
    fc.property(origin, (asked) => {
      for (const fields of [policy.answer(asked), policy.preflight(asked) ?? []]) {
        const at = fields.indexOf("access-control-allow-origin");
        assert.equal(at >= 0, names.includes(asked) && fields.length > 0);
        if (at >= 0) assert.ok(names.includes(fields[at + 1] as string));
        for (const value of fields)
          if (!names.includes(value)) assert.ok(asked.length < 8 || !value.includes(asked));
      }
    }),
  );
});
