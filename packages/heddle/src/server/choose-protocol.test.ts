import assert from "node:assert/strict";
import { test } from "node:test";
import { openWorld, utf8 } from "./protocols/asking.test.ts";

const say = "/heddle.unit.Echo/Say";
const get = "/heddle.unit.Echo/Get";
const list = "/heddle.unit.Echo/List";
const body = [utf8('"FA=="')];

test("a content type that does not fit is 415, and the answer names those that do", async () => {
  await using world = await openWorld();
  for (const [path, type, fits] of [
    [say, "text/plain", "application/json"],
    [say, "", "application/proto"],
    [say, "application/connect+json", "application/json"],
    [say, "application/jsonp", "application/json"],
    [list, "application/json", "application/connect+json"],
    [list, "application/proto", "application/connect+proto"],
    [say, "application/grpc-webb", "application/grpc-web"],
    [say, "application/grpc+xml", "application/grpc+proto"],
  ] as const) {
    const answer = await world.ask({ path, type, body });
    assert.equal(answer.status, "415", `${type} for ${path}`);
    assert.match(answer.text, /HDL-2308/);
    assert.match(
      answer.text,
      path === say ? /JSON is application\/json/ : /JSON is application\/connect\+json/,
    );
    const accepted = (answer.fields.get("accept-post") ?? "").split(", ");
    assert.ok(accepted.includes(fits), `${accepted.join()} has ${fits}`);
    assert.ok(!accepted.includes(type));
  }
});

test("a GET without an encoding is told what it lacks", async () => {
  await using world = await openWorld();
  const answer = await world.ask({ method: "GET", type: "", path: get });
  assert.equal(answer.status, "415");
  assert.match(answer.text, /encoding=json/);
});

test("a method that is unknown is told those of its service, a service those that there are", async () => {
  await using world = await openWorld();
  const texts = await Promise.all(
    ["/heddle.unit.Echo/Sai", "/a.B/C", "/"].map(async (path) => (await world.ask({ path, body })).text),
  );
  assert.match(texts[0] ?? "", /served: heddle\.unit\.Echo\/Say, heddle\.unit\.Echo\//);
  assert.match(texts[1] ?? "", /served: heddle\.unit\.Echo, grpc\.health\.v1\.Health \(/);
  assert.match(texts[2] ?? "", /served: heddle\.unit\.Echo, grpc\.health\.v1\.Health \(/);
});

test("another HTTP method is 405, and the answer names those that go", async () => {
  await using world = await openWorld();
  for (const [method, path, allow] of [
    ["GET", `${say}?connect=v1&encoding=json&message=%22%22`, "POST"],
    ["GET", list, "POST"],
    ["DELETE", say, "POST"],
    ["PUT", get, "GET, POST"],
    ["HEAD", get, "GET, POST"],
  ] as const) {
    const answer = await world.ask({ method, path, type: "" });
    assert.deepEqual([answer.status, answer.fields.get("allow")], ["405", allow], `${method} ${path}`);
    assert.equal(answer.text === "", method === "HEAD");
  }
});

test("a path that nobody answers is 404 for whoever asks in no protocol", async () => {
  await using world = await openWorld();
  for (const asked of [
    { method: "GET", type: "", path: "/" },
    { method: "GET", type: "", path: "/a.B/C?encoding=json" },
    { method: "POST", type: "text/plain", path: "/favicon.ico", body },
    { method: "PUT", type: "", path: "*" },
  ]) {
    const answer = await world.ask(asked);
    assert.equal(answer.status, "404");
    assert.match(answer.text, /HDL-2307/);
  }
});

test("gRPC with messages in JSON", async () => {
  await using world = await openWorld();
  const envelope = Uint8Array.of(0, 0, 0, 0, 6, ...(body[0] as Uint8Array));
  const answer = await world.ask({ type: "application/grpc+json", body: [envelope] });
  assert.equal(answer.fields.get("content-type"), "application/grpc+json");
  assert.deepEqual(answer.body, envelope);
});
