/** What options of a contract become, and what of them ends the start of a server. Each case stands beside its statement. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { create, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import fc from "fast-check";
import { isHeddleError } from "../../call/errors.ts";
import type { RestAnswerSchema } from "../../gen/heddle/options/v1/http_pb.ts";
import type { AnswerPlan } from "./answer-plan.ts";
import type { Binding } from "./binding.ts";
import type { MethodText } from "./contract-of.test.ts";
import {
  compressedTag,
  hasSame,
  hasStrong,
  readEntityTags,
  valueOfTag,
  writeEntityTag,
} from "./entity-tag.ts";
import { writeLink } from "./link-field.ts";
import { plansOf } from "./plans-of.test.ts";
import { placeWantedTag } from "./wanted-tag.ts";

type Options = MessageInitShape<typeof RestAnswerSchema>;

const messages = {
  Order: {
    order_id: "string",
    number: "int64",
    customer: "Customer",
    tags: "repeated string",
    etag: "etag string",
    name: "string",
  },
  Plain: { order_id: "string" },
  Customer: { id: "string" },
  Request: { order_id: "string", shop: "string", order: "Order", page_token: "string", view: "string" },
  Page: { orders: "repeated Order", next_page_token: "string" },
};

const others = {
  GetCustomer: method("get", "/v1/customers/{order_id}"),
  GetItem: method("get", "/v1/shops/{shop}/orders/{order_id}"),
  Named: method("get", "/v1/{shop=shops/*}"),
  Cancel: method("post", "/v1/orders/{order_id}:cancel", { body: "*" }),
};

function method(
  verb: "get" | "post" | "put" | "delete" | "patch",
  value: string,
  { body = "", responseBody = "", out = "Order" } = {},
): MethodText {
  return {
    in: "Request",
    out,
    http: { pattern: { case: verb, value }, body, responseBody },
  };
}

function planOf(rest: Options, text: MethodText = method("get", "/v1/orders/{order_id}")) {
  const services = { Orders: { Do: { ...text, rest }, ...others } };
  const { bindings, plans } = plansOf({ messages, services });
  const [binding] = bindings;
  assert.ok(binding !== undefined);
  return { binding, plan: plans.get(binding), plans };
}

const messageOf = ({ method: { output } }: Binding, init: object) => create(output, init as never) as Message;

describe("links", () => {
  const rows: readonly (readonly [
    statement: string,
    link: { target: string; fields?: Record<string, string> },
    answer: object,
    href: string | undefined,
  ])[] = [
    [
      "a method's path takes what the answer calls the same",
      { target: "Do" },
      { orderId: "7" },
      "/v1/orders/7",
    ],
    [
      "values are percent-encoded as one segment",
      { target: "Do" },
      { orderId: "a/b ä" },
      "/v1/orders/a%2Fb%20%C3%A4",
    ],
    ["while a field is empty there is none", { target: "Do" }, {}, undefined],
    ["two dots would be another path", { target: "Do" }, { orderId: ".." }, undefined],
    [
      "what the answer does not have comes from the request",
      { target: "GetItem" },
      { orderId: "7" },
      "/v1/shops/s1/orders/7",
    ],
    [
      "fields may be called otherwise",
      { target: "GetCustomer", fields: { order_id: "customer.id" } },
      { customer: { id: "c1" } },
      "/v1/customers/c1",
    ],
    [
      "and stand in the query",
      { target: "GetCustomer", fields: { order_id: "customer.id", view: "number" } },
      { customer: { id: "c1" }, number: 5n },
      "/v1/customers/c1?view=5",
    ],
    [
      "none with half of a query, which would find too much",
      { target: "GetCustomer", fields: { view: "number" } },
      { orderId: "7" },
      undefined,
    ],
    [
      "a path names fields of the answer",
      { target: "/v2/x/{customer.id}:open" },
      { customer: { id: "c 1" } },
      "/v2/x/c%201:open",
    ],
    [
      "a resource name keeps its slashes",
      { target: "/v1/{name=**}" },
      { name: "shops/a b" },
      "/v1/shops/a%20b",
    ],
    ["a name of another form has no link", { target: "/v1/{name=shops/*}" }, { name: "x" }, undefined],
    ["a path without fields is the same for all", { target: "/v1/orders" }, {}, "/v1/orders"],
    ["a URL leads elsewhere", { target: "https://a.example/x?y=1" }, {}, "https://a.example/x?y=1"],
    ["a service is named before the method", { target: "test.Orders.Do" }, { orderId: "7" }, "/v1/orders/7"],
    ["with a slash as well", { target: "test.Orders/Do" }, { orderId: "7" }, "/v1/orders/7"],
  ];
  for (const [statement, link, answer, href] of rows)
    test(statement, () => {
      const { binding, plan } = planOf({ links: [{ rel: "related", ...link }] });
      const request = create(binding.method.input, { shop: "s1" } as never) as Message;
      assert.equal(
        plan?.links[0]?.target.href(messageOf(binding, answer), () => request),
        href,
      );
    });

  test("to what another server serves there is none", () => {
    const { plan } = planOf({ links: [{ rel: "related", target: "shop.v1.Payments.GetPayment" }] });
    assert.deepEqual(plan?.links, []);
  });

  test("a title that is not ASCII is encoded (RFC 8187), and quotes are escaped", () => {
    assert.equal(writeLink("/a", "self", 'a "b"'), '</a>; rel="self"; title="a \\"b\\""');
    assert.equal(writeLink("/a", "self", "Bücher"), "</a>; rel=\"self\"; title*=UTF-8''B%C3%BCcher");
  });
});

describe("which bindings have a plan", () => {
  test("none without options and marks: they cost nothing", () => {
    const { plans } = plansOf({
      messages,
      services: {
        S: {
          A: method("get", "/a", { out: "Plain" }),
          B: { ...method("post", "/b"), in: "Plain", out: "Plain" },
        },
      },
    });
    assert.equal(plans.size, 0);
  });

  test("a list with page tokens (AIP-158) has a next page; with body: * a token cannot stand in the query", () => {
    const services = {
      S: {
        List: method("get", "/v1/orders", { out: "Page" }),
        Search: method("post", "/v1/orders:search", { out: "Page", body: "*" }),
      },
    };
    const { plans } = plansOf({ messages, services });
    assert.deepEqual(
      [...plans].map(
        ([
          {
            method: { name },
          },
          plan,
        ]) => [name, plan.nextPage?.name, plan.hal],
      ),
      [
        ["List", "next_page_token", true],
        ["Search", undefined, false],
      ],
    );
  });

  test("RFC 9110 §9.3.4: a PUT has a tag where a GET of its path gives the same; a PATCH and verbs have theirs", () => {
    const put = method("put", "/v1/orders/{order_id}", { body: "order" });
    const get = { Get: method("get", "/v1/orders/{page_token}") };
    const other = { Get: method("get", "/v1/orders/{page_token}", { out: "Plain" }) };
    const rows: readonly (readonly [
      services: Record<string, MethodText>,
      tag: boolean,
      isTarget: boolean,
    ])[] = [
      [{ Put: put, ...get }, true, true],
      [{ Put: put, ...other }, false, false],
      [{ Put: put }, false, false],
      [{ Patch: method("patch", "/v1/orders/{order_id}", { body: "order" }), ...get }, true, true],
      [{ Patch: method("patch", "/v1/orders/{order_id}", { body: "order" }) }, true, false],
      [{ Do: method("post", "/v1/orders/{order_id}:do", { body: "*" }), ...get }, true, false],
    ];
    for (const [S, tag, isTarget] of rows) {
      const { bindings, plans } = plansOf({ messages, services: { S } });
      const plan = plans.get(bindings[0] as Binding);
      assert.deepEqual([plan?.tag !== undefined, plan?.isTarget], [tag, isTarget]);
    }
  });

  test("what makes something has no condition on the state of it", () => {
    const post = method("post", "/v1/orders", { body: "order" });
    assert.notEqual(planOf({}, post).plan?.wanted, undefined);
    assert.equal(planOf({ location: "GetItem" }, post).plan?.wanted, undefined);
  });

  test("a marked field is the tag of answers, in the field that is the body as well", () => {
    const { plan } = planOf({});
    assert.ok(typeof plan?.tag === "object");
    assert.deepEqual([plan.tag.path.map(({ name }) => name), plan.cacheControl], [["etag"], "no-cache"]);
    const put = planOf({}, method("put", "/v1/orders/{order_id}", { body: "order" })).plan;
    assert.deepEqual(
      put?.wanted?.path.map(({ name }) => name),
      ["order", "etag"],
    );
    assert.equal(put?.cacheControl, undefined);
  });

  test("the body of a list has no room for links beside it, a message has", () => {
    const links = [{ rel: "self", target: "Do" }];
    assert.equal(planOf({ links }).plan?.hal, true);
    const list = method("get", "/v1/orders/{order_id}", { responseBody: "tags" });
    assert.equal(planOf({ links }, list).plan?.hal, false);
  });
});

describe("cache-control", () => {
  const rows: readonly (readonly [statement: string, cache: Options["cache"], value: string])[] = [
    ["is private unless it says public", { maxAgeSeconds: 60 }, "private, max-age=60"],
    ["public is for every caller", { maxAgeSeconds: 60, public: true }, "public, max-age=60"],
    ["0 is to ask each time", {}, "private, no-cache"],
    ["no_store is alone", { noStore: true }, "no-store"],
    [
      "immutable, and stale while it is fetched",
      { maxAgeSeconds: 9, immutable: true, staleWhileRevalidateSeconds: 5 },
      "private, max-age=9, immutable, stale-while-revalidate=5",
    ],
  ];
  for (const [statement, cache, value] of rows)
    test(statement, () =>
      assert.equal(planOf(cache === undefined ? {} : { cache }).plan?.cacheControl, value),
    );
});

describe("deprecation", () => {
  const rows: readonly (readonly [
    statement: string,
    given: Options["deprecation"],
    fields: readonly string[],
  ])[] = [
    [
      "RFC 9745 §2.1: a date of structured fields, in seconds",
      { since: "2023-06-30T23:59:59Z" },
      ["deprecation", "@1688169599"],
    ],
    ["a day is its beginning in UTC", { since: "2026-03-01" }, ["deprecation", "@1772323200"]],
    [
      "RFC 8594: an HTTP date, and where to read more",
      {
        since: "2026-03-01",
        sunset: "2026-12-31T12:00:00+02:00",
        link: "https://a.example/d",
        sunsetLink: "https://a.example/s",
      },
      [
        "deprecation",
        "@1772323200",
        "sunset",
        "Thu, 31 Dec 2026 10:00:00 GMT",
        "link",
        '<https://a.example/d>; rel="deprecation", <https://a.example/s>; rel="sunset"',
      ],
    ],
  ];
  for (const [statement, deprecation, fields] of rows)
    test(statement, () =>
      assert.deepEqual(planOf(deprecation === undefined ? {} : { deprecation }).plan?.always, fields),
    );

  test("what takes its place is a link of the answer", () => {
    const { plan } = planOf({ deprecation: { since: "2026-03-01", successor: "GetCustomer" } });
    assert.equal(plan?.links[0]?.rel, "successor-version");
  });
});

describe("misuse ends the start", () => {
  const get = method("get", "/v1/orders/{order_id}");
  const post = method("post", "/v1/orders", { body: "order" });
  const plain = method("get", "/v1/plain/{order_id}", { out: "Plain" });
  const links = (target: string, fields: Record<string, string> = {}, rel = "related") => ({
    links: [{ rel, target, fields }],
  });
  const rows: readonly (readonly [rest: Options, text: MethodText, reason: RegExp])[] = [
    [{ computedEtag: true }, get, /rest\.computed_etag: the field etag is the tag/],
    [{ computedEtag: true }, post, /rest\.computed_etag is for a GET/],
    [{ cache: {} }, post, /rest\.cache is for a GET/],
    [{ location: "GetItem" }, get, /rest\.location is for a POST/],
    [{ location: "GetItm" }, post, /rest\.location: there is no method GetItm; GetItem, perhaps/],
    [{ location: "Cancel" }, post, /rest\.location: Cancel is not read with GET/],
    [{ location: "/v1/orders" }, post, /leads to the same place/],
    [{ location: "/v1/orders/{nothing}" }, post, /nothing: test\.Order has no such field/],
    [{ location: "/v1/orders/{tags}" }, post, /tags of test\.Order has no single value/],
    [{ location: "https://a.example/{order_id}" }, post, /it has no URL/],
    [{ location: "/v1/{" }, post, /rest\.location: \/v1\/\{/],
    [links("Nothing"), get, /links: rel "related": there is no method Nothing/],
    [links("test.Orders.Nothing"), get, /there is no method test\.Orders\.Nothing/],
    [links(""), get, /it has no target/],
    [links("/v1/*"), get, /a wildcard stands for nothing/],
    [links("/v1/{order_id}", { a: "b" }), get, /names its fields itself/],
    [links("https://a.example", { a: "b" }), get, /has no fields/],
    [links("https://a b"), get, /is no URL/],
    [links("GetItem", { shop: "nothing" }), get, /nothing: test\.Order has no such field/],
    [links("GetItem", { nothing: "order_id" }), get, /fields: nothing of GetItem/],
    [links("Do", {}, "not a rel"), get, /is no relation and no URL/],
    [links("Named"), { ...plain, in: "Plain" }, /its path needs shop/],
    [{ cache: { noStore: true, public: true } }, get, /no_store, and yet/],
    [{ cache: { immutable: true } }, get, /immutable while it is fresh/],
    [{ cache: { vary: ["a b"] } }, get, /vary "a b" is no name/],
    [{ deprecation: {} }, get, /has no since/],
    [{ deprecation: { since: "soon" } }, get, /since "soon" is no date/],
    [{ deprecation: { since: "2026-02-30" } }, get, /since "2026-02-30" is no date/],
    [{ deprecation: { since: "2026-03-01", sunset: "2026-02-01" } }, get, /its sunset is before its since/],
    [{ deprecation: { since: "2026-03-01", link: "docs" } }, get, /"docs" is no URL/],
    [
      { deprecation: { since: "2026-03-01", sunsetLink: "https://a.example" } },
      get,
      /sunset_link without a sunset/,
    ],
    [{ cache: {} }, { ...get, out: "stream Order" }, /of one answer, and it streams/],
  ];
  for (const [rest, text, reason] of rows)
    test(reason.source, () =>
      assert.throws(
        () => planOf(rest, text),
        (error) =>
          isHeddleError(error) &&
          error.reason === "httpRuleInvalid" &&
          reason.test(error.message) &&
          error.message.includes("the HTTP rule of test.Orders/Do cannot be served"),
      ),
    );

  const fields: readonly (readonly [fields: Record<string, string>, reason: RegExp])[] = [
    [{ a: "etag double" }, /M\.a is no string, bytes or integer/],
    [{ a: "etag bool" }, /is no string, bytes or integer/],
    [{ a: "etag Customer" }, /is no string, bytes or integer/],
    [{ a: "etag map string string" }, /is no string, bytes or integer/],
    [{ a: "etag repeated int32" }, /is no string, bytes or integer/],
    [{ a: "etag string", b: "etag string" }, /test\.M has two, a and b/],
    [{ a: "etag repeated string" }, /a is repeated, and an answer has one tag/],
  ];
  for (const [given, reason] of fields)
    test(reason.source, () => {
      const services = { S: { A: { ...method("get", "/a"), in: "Plain", out: "M" } } };
      assert.throws(() => plansOf({ messages: { ...messages, M: given }, services }), reason);
    });
});

describe("entity tags (RFC 9110 §8.8.3)", () => {
  test("any text is one in quotes, and comes back", () => {
    for (const value of ["5", "a b", 'q"u', "ä€😀", "a,b;c\\d%", "x+/=", "W/5"]) {
      const tag = writeEntityTag(value, "hal");
      assert.match(tag, /^"[\x21\x23-\x7e]+;hal"$/);
      const [read] = readEntityTags(tag) as readonly { weak: boolean; opaque: string }[];
      assert.ok(read !== undefined);
      assert.equal(valueOfTag(read), value);
    }
    assert.equal(valueOfTag({ weak: false, opaque: "%" }), undefined);
  });

  test("lists are read as they stand, and what is none is told", () => {
    assert.equal(readEntityTags(" * "), "*");
    assert.deepEqual(readEntityTags('"a", W/"b,c" ,, ""'), [
      { weak: false, opaque: "a" },
      { weak: true, opaque: "b,c" },
      { weak: false, opaque: "" },
    ]);
    for (const wrong of ["", ",", "a", '"a', '"a" "b"', '*, "a"', 'w/"a"', '"a\nb"'])
      assert.equal(readEntityTags(wrong), undefined, wrong);
    assert.equal(readEntityTags('"a",'.repeat(101)), undefined);
    // Nor does a long one take long.
    assert.equal(readEntityTags(`"a"${" ".repeat(200_000)}b`), undefined);
    assert.equal(readEntityTags(`${" ".repeat(200_000)}b`), undefined);
  });

  test("a compressed form is the same state; a weak tag is the same, and not enough for a change", () => {
    const [weak, gzip] = readEntityTags('W/"5", "6;gzip"') as [never, never];
    assert.ok(hasSame([weak], '"5"') && !hasStrong([weak], '"5"'));
    assert.ok(hasSame([gzip], '"6"') && hasStrong([gzip], '"6;br"') && !hasSame([gzip], '"6;hal"'));
    assert.ok(hasSame([weak], 'W/"5"') && !hasSame([weak], "5"));
    assert.equal(compressedTag('"6"', "gzip"), '"6;gzip"');
  });
});

describe("if-match goes into the request", () => {
  const put = method("put", "/v1/orders/{order_id}", { body: "order" });
  function placed(conditions: { ifMatch?: string; ifNoneMatch?: string }, init: object = {}, text = put) {
    const { binding, plan } = planOf({}, text);
    assert.ok(plan !== undefined);
    const request = create(binding.method.input, init as never) as Message;
    placeWantedTag(binding, plan, { ifMatch: undefined, ifNoneMatch: undefined, ...conditions }, request);
    return (request as unknown as { order?: { etag: string } }).order?.etag;
  }
  const given = { order: { etag: "5" } };

  test("the tag as the contract writes it", () => {
    assert.equal(placed({ ifMatch: '"5"' }), "5");
    assert.equal(placed({ ifMatch: '"5;gzip", W/"4", "5"' }), "5");
    assert.equal(placed({ ifMatch: '"a%20b;hal"' }), "a b");
    assert.equal(placed({ ifMatch: '"5"' }, given), "5");
    assert.equal(placed({ ifMatch: "*" }, given), "5");
  });

  test("what nobody could look at is refused", () => {
    const wrong: readonly (readonly [conditions: Parameters<typeof placed>[0], reason: RegExp])[] = [
      [{ ifMatch: "5" }, /neither \* nor a list/],
      [{ ifMatch: '"4", "5"' }, /it names several tags, and this method takes one/],
      [{ ifMatch: '"4"' }, /if-match and the field order\.etag have different values \(HDL-2315\)/],
      [{ ifMatch: 'W/"5"' }, /none of the tags in if-match can be the current one \(HDL-2315\)/],
      [{ ifMatch: '"%"' }, /can be the current one \(HDL-2315\)/],
      [{ ifNoneMatch: '"5"' }, /"if-none-match" of .*: it is for what is read/],
      [{ ifNoneMatch: "*" }, /it is for what is read, or \* for what is made/],
    ];
    for (const [conditions, reason] of wrong) assert.throws(() => placed(conditions, given), reason);
    const cancel = { ...method("post", "/v1/x", { body: "*" }), in: "Plain" };
    assert.throws(() => placed({ ifMatch: '"5"' }, {}, cancel), /no field of the request takes it/);
  });

  test("whatever stands there, the request is refused with a code, or has a tag of this list", () => {
    const anything = fc.oneof(
      fc.string({ unit: "binary", maxLength: 40 }),
      fc.stringMatching(/^[ ,"W/*%;5\\\t]{0,30}$/),
    );
    const property = fc.property(anything, (ifMatch) => {
      try {
        const value = placed({ ifMatch });
        assert.ok(value === undefined || ifMatch.includes('"'), ifMatch);
      } catch (error) {
        assert.ok(isHeddleError(error) && ["parameterInvalid", "preconditionFailed"].includes(error.reason));
      }
    });
    fc.assert(property, { numRuns: 2000 });
  });

  test("any value comes back from its tag", () => {
    const property = fc.property(fc.string({ unit: "binary", minLength: 1 }), (value) => {
      const [tag] = readEntityTags(writeEntityTag(value)) as [never];
      assert.equal(valueOfTag(tag), value.toWellFormed());
    });
    fc.assert(property, { numRuns: 1000 });
  });

  test("a repeated field takes a list", () => {
    const services = {
      S: { A: { ...method("delete", "/a/{order_id}"), in: "M", out: "google.protobuf.Empty" } },
    };
    const { bindings, plans } = plansOf({
      messages: { M: { order_id: "string", tags: "etag repeated string" } },
      services,
    });
    const [binding] = bindings as [Binding];
    const request = create(binding.method.input);
    const conditions = { ifMatch: '"4", "5", "5"', ifNoneMatch: undefined };
    placeWantedTag(binding, plans.get(binding) as AnswerPlan, conditions, request);
    assert.deepEqual((request as unknown as { tags: unknown }).tags, ["4", "5"]);
  });
});
