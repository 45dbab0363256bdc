/** What customers who call by plain HTTP see: paths, status codes, fields of HTTP. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { startTestShop } from "../test-shop.ts";

const GOOD = { orderId: "a", sku: "mug", quantity: 2, card: "4000 0000 0000 4242" };
const PLACED = {
  id: "a",
  sku: "mug",
  quantity: 2,
  totalCents: "2500",
  state: "ORDER_STATE_PLACED",
  etag: "2",
};

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into JSON wherever they like
  readonly body: any;
}

type Ask = (request: string, body?: object, headers?: Record<string, string>) => Promise<Answer>;

/** Asks by a method and a path, such as `GET /v1/stock`. */
async function openShop(t: TestContext): Promise<Ask> {
  const shop = await startTestShop();
  t.after(() => shop[Symbol.asyncDispose]());
  const url = await shop.startFront();
  return async (request, body, headers = {}) => {
    const [method = "", path = ""] = request.split(" ");
    const sent =
      body === undefined
        ? { headers }
        : { body: JSON.stringify(body), headers: { "content-type": "application/json", ...headers } };
    const response = await fetch(`${url}${path}`, { method, ...sent });
    const text = await response.text();
    const isJson = /^application\/(problem\+|hal\+)?json$/.test(response.headers.get("content-type") ?? "");
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
  };
}

test("an order that is placed has a place of its own, and again the same answer", async (t) => {
  const ask = await openShop(t);
  for (const _time of [1, 2]) {
    const { status, headers, body } = await ask("POST /v1/orders", GOOD);
    assert.equal(status, 201);
    assert.equal(headers.get("location"), "/v1/orders/a");
    assert.deepEqual(body, PLACED);
  }
  const { status, headers, body } = await ask("GET /v1/orders/a");
  assert.equal(status, 200);
  assert.deepEqual(body, PLACED);
  assert.match(
    headers.get("link") ?? "",
    /<\/v1\/orders>; rel="collection", <\/v1\/stock\/mug>; rel="related"/,
  );
  const cached = await ask("GET /v1/orders/a", undefined, { "if-none-match": headers.get("etag") ?? "" });
  assert.equal(cached.status, 304);
});

test("what is refused has the status that HTTP has for it, and says why", async (t) => {
  const ask = await openShop(t);
  await ask("POST /v1/orders", GOOD);
  for (const [request, body, status, code, type] of [
    ["POST /v1/orders", { ...GOOD, quantity: 3 }, 409, "ALREADY_EXISTS"],
    [
      "POST /v1/orders",
      { ...GOOD, orderId: "b", sku: "lamp", quantity: 999 },
      409,
      "FAILED_PRECONDITION",
      "OutOfStock",
    ],
    [
      "POST /v1/orders",
      { ...GOOD, orderId: "c", card: "4000000000000002" },
      402,
      "FAILED_PRECONDITION",
      "PaymentDeclined",
    ],
    ["POST /v1/orders", { ...GOOD, orderId: "d", sku: "cat" }, 404, "NOT_FOUND"],
    ["POST /v1/orders", { ...GOOD, quantity: 0 }, 422, "INVALID_ARGUMENT", "Violations"],
    ["POST /v1/orders", { ...GOOD, colour: "red" }, 400, "INVALID_ARGUMENT"],
    ["GET /v1/orders/nobody's", undefined, 400, "INVALID_ARGUMENT", "Violations"],
    ["GET /v1/orders/nobodys", undefined, 404, "NOT_FOUND"],
    ["GET /v1/orders?size=2", undefined, 400, "INVALID_ARGUMENT"],
    ["GET /v1/stock/cat", undefined, 404, "NOT_FOUND"],
    ["PATCH /v1/orders/nobodys", { note: "" }, 404, "NOT_FOUND"],
  ] as const) {
    const answer = await ask(request, body);
    assert.equal(answer.status, status, `${request}: ${JSON.stringify(answer.body)}`);
    assert.equal(answer.body.status, status);
    assert.equal(answer.body.code, code);
    const types: string[] = (answer.body.details ?? []).map(
      (detail: Record<string, string>) => detail["@type"],
    );
    if (type !== undefined)
      assert.ok(
        types.some((each) => each.endsWith(`.${type}`)),
        types.join(),
      );
  }
  const { status, headers } = await ask("DELETE /v1/orders/a");
  assert.equal(status, 405);
  assert.equal(headers.get("allow"), "GET, HEAD, OPTIONS, PATCH");
});

test("a note is changed only by who has seen the order as it is", async (t) => {
  const ask = await openShop(t);
  const { headers } = await ask("POST /v1/orders", GOOD);
  const seen = { "if-match": headers.get("etag") ?? "" };
  const changed = await ask("PATCH /v1/orders/a", { note: "Ring twice." }, seen);
  assert.equal(changed.status, 200);
  assert.deepEqual(changed.body, { ...PLACED, note: "Ring twice.", etag: "3" });
  const late = await ask("PATCH /v1/orders/a", { note: "Do not ring." }, seen);
  assert.equal(late.status, 412);
  const whatever = await ask("PATCH /v1/orders/a", { note: "Do not ring." });
  assert.equal(whatever.status, 200);
  assert.equal((await ask("POST /v1/orders", GOOD)).body.note, "Do not ring.");
});

test("orders come in pages, of one state if so wanted, and each page names the next", async (t) => {
  const ask = await openShop(t);
  for (const orderId of ["a", "b", "c", "d", "e"])
    await ask("POST /v1/orders", {
      ...GOOD,
      orderId,
      ...(orderId === "c" ? { card: "4000000000000002" } : {}),
    });
  const pages: string[][] = [];
  for (let path: string | undefined = "/v1/orders?page_size=2"; path !== undefined; ) {
    const { body, headers } = await ask(`GET ${path}`);
    pages.push(body.orders.map(({ id }: { id: string }) => id));
    path = /<([^>]+)>; rel="next"/.exec(headers.get("link") ?? "")?.[1];
    assert.equal(path !== undefined, body.nextPageToken !== undefined);
  }
  assert.deepEqual(pages, [["a", "b"], ["c", "d"], ["e"]]);
  const declined = await ask("GET /v1/orders?state=ORDER_STATE_DECLINED");
  assert.deepEqual(
    declined.body.orders.map(({ id }: { id: string }) => id),
    ["c"],
  );
  const exported = (await ask("GET /v1/orders:export")).body.trim().split("\n");
  assert.deepEqual(
    exported.map((line: string) => JSON.parse(line).id),
    ["a", "b", "c", "d", "e"],
  );
});

test("stock is a resource that may be kept for a moment", async (t) => {
  const ask = await openShop(t);
  const { body } = await ask("GET /v1/stock");
  const skus = body.levels.map(({ sku }: { sku: string }) => sku);
  assert.deepEqual(skus, ["lamp", "mug", "notebook", "poster"]);
  const lamp = await ask("GET /v1/stock/lamp");
  assert.deepEqual(lamp.body, { sku: "lamp", unitPriceCents: "5990", initial: 250, available: 250 });
  assert.equal(lamp.headers.get("cache-control"), "public, max-age=1");
  const again = { "if-none-match": lamp.headers.get("etag") ?? "" };
  assert.equal((await ask("GET /v1/stock/lamp", undefined, again)).status, 304);
  await ask("POST /v1/orders", { ...GOOD, sku: "lamp" });
  assert.equal((await ask("GET /v1/stock/lamp", undefined, again)).body.available, 248);
  const linked = await ask("GET /v1/stock/lamp", undefined, { accept: "application/hal+json" });
  assert.equal(linked.body._links.collection.href, "/v1/stock");
});
