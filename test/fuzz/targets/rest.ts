/**
 * REST requests: method, path, query and JSON through the bindings of a contract. A message, or an error that says what
 * is wrong with the request; and a message that was read is written to a request that is read and written as the same.
 */
import assert from "node:assert/strict";
import type { DescMethod } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { isHeddleError } from "../../../packages/heddle/src/call/errors.ts";
import { bindingsOf, createBindings } from "../../../packages/heddle/src/contract/rest/binding.ts";
import { createBindingRouter } from "../../../packages/heddle/src/contract/rest/binding-router.ts";
import { contractOf, methodNamed } from "../../../packages/heddle/src/contract/rest/contract-of.test.ts";
import { readRequest } from "../../../packages/heddle/src/contract/rest/read-request.ts";
import { standardRule } from "../../../packages/heddle/src/contract/rest/standard-methods.ts";
import { writeRequest } from "../../../packages/heddle/src/contract/rest/write-request.ts";
import { mutateBytes } from "../mutate.ts";
import type { Dice } from "../dice.ts";
import type { FuzzTarget } from "../target.ts";

const contract = contractOf({
  package: "fuzz.v1",
  enums: { State: { STATE_UNSPECIFIED: 0, OPEN: 1 } },
  messages: {
    Order: {
      order_id: "string",
      total: "sint64",
      ratio: "float",
      state: "State",
      tags: "repeated string",
      labels: "map string string",
      at: "google.protobuf.Timestamp",
      note: "optional bytes",
      count: "google.protobuf.UInt32Value",
      child: "Order",
      a: "oneof one string",
      b: "oneof one Order",
      mask: "google.protobuf.FieldMask",
    },
    OrderRequest: { order_id: "string", name: "string", order: "Order", filter: "Order", page_size: "int32" },
  },
  services: {
    OrderService: {
      GetOrder: { in: "OrderRequest", out: "Order" },
      ListOrders: { in: "OrderRequest", out: "Order" },
      CreateOrder: { in: "OrderRequest", out: "Order" },
      UpdateOrder: { in: "OrderRequest", out: "Order" },
      CancelOrder: { in: "Order", out: "Order" },
      Files: {
        in: "OrderRequest",
        out: "Order",
        http: {
          pattern: { case: "get", value: "/v1/{name=files/**}" },
          additionalBindings: [{ pattern: { case: "put", value: "/v1/{name=files/**}:write" }, body: "*" }],
        },
      },
    },
  },
});

const names = ["GetOrder", "ListOrders", "CreateOrder", "UpdateOrder", "CancelOrder"];
const bindings = [
  ...names.map((name) => method(name)).flatMap((each) => createBindings(each, standardRule(each))),
  ...bindingsOf(method("Files")),
];
const router = createBindingRouter(bindings);

/** A line with method and target, a line feed, the body. */
export const target: FuzzTarget = {
  generate(dice) {
    const text = `${dice.pick(["GET", "POST", "PATCH", "PUT", "HEAD"])} ${randomTarget(dice)}\n${randomBody(dice)}`;
    const bytes = new TextEncoder().encode(text);
    return dice.chance(40) ? mutateBytes(dice, bytes) : bytes;
  },

  check(input) {
    const text = new TextDecoder().decode(input);
    const end = text.indexOf("\n");
    const [httpMethod = "", url = ""] = (end === -1 ? text : text.slice(0, end)).split(" ");
    const mark = url.indexOf("?");
    const found = router.find(httpMethod, mark === -1 ? url : url.slice(0, mark));
    if (found.kind !== "found") return;
    const json = end === -1 ? "" : text.slice(end + 1);
    const body = json === "" ? undefined : ({ kind: "text", text: json } as const);
    const query = mark === -1 ? "" : url.slice(mark + 1);
    const message = refusable(["parameterInvalid", "messageInvalid"], () =>
      readRequest(found.binding, { captured: found.captured, query, body }, contract),
    );
    assert.equal(({} as { polluted?: unknown }).polluted, undefined);
    if (message === undefined) return;
    const written = refusable(["requestInvalid"], () => writeRequest([found.binding], message, contract));
    if (written === undefined) return;
    const again = router.find(written.httpMethod, written.path);
    assert.equal(again.kind, "found", written.path);
    if (again.kind !== "found" || again.binding !== found.binding) return;
    const read = readRequest(
      found.binding,
      { captured: again.captured, query: written.query, body: written.body },
      contract,
    );
    // A message without a field that is set has no form in a query: `filter.total=0` leaves one behind.
    const second = writeRequest([found.binding], read, contract);
    assert.deepEqual(second, written);
  },
};

function method(name: string): DescMethod {
  return methodNamed(contract, `OrderService.${name}`);
}

function refusable<T>(reasons: readonly string[], run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    assert.ok(isHeddleError(error) && reasons.includes(error.reason), String(error));
    if (error.reason !== "requestInvalid") assert.equal(error.code, Code.InvalidArgument);
    return undefined;
  }
}

function randomTarget(dice: Dice): string {
  const path = dice.pick([
    `/v1/orders/${word(dice)}`,
    "/v1/orders",
    `/v1/orders/${word(dice)}:cancel`,
    `/v1/files/${word(dice)}/${word(dice)}${dice.pick(["", "/", ":write", "//"])}`,
  ]);
  const pairs = Array.from({ length: dice.below(4) }, () => `${parameter(dice)}=${word(dice)}`);
  return `${path}?${pairs.join(dice.pick(["&", "&&", ";"]))}`;
}

function parameter(dice: Dice): string {
  const parts = Array.from({ length: dice.pick([1, 1, 2, 2, 3, 40]) }, () =>
    dice.pick([
      "filter",
      "child",
      "order",
      "total",
      "state",
      "tags",
      "at",
      "note",
      "count",
      "a",
      "b",
      "pageSize",
      "__proto__",
      "constructor",
      "labels",
      "mask",
      "ratio",
    ]),
  );
  return dice.chance(60) ? `filter.${parts.at(-1)}` : parts.join(".");
}

function word(dice: Dice): string {
  return dice.pick([
    "1",
    "a%2Fb",
    "OPEN",
    "-5",
    "%F0%9F%98%80",
    "%",
    "%ff",
    "..",
    "%2e",
    "true",
    "1e400",
    "2026-01-02T03:04:05Z",
    "AP8H",
    "a+b",
    "x:y",
    "polluted",
    "9".repeat(30),
    "name,a.b",
    "",
    "NaN",
    "-0",
  ]);
}

function randomBody(dice: Dice): string {
  return dice.pick([
    "",
    "{}",
    '{"total":"5","tags":["a"],"child":{"ratio":1.5}}',
    '{"orderId":"1","__proto__":{"polluted":1}}',
    '{"order":{"labels":{"a":"b","__proto__":"c"}}}',
    '{"state":"OPEN","count":7,"at":"2026-01-02T03:04:05Z","note":"AA=="}',
    `${'{"child":'.repeat(dice.pick([1, 90, 3000]))}{}`,
    "[".repeat(dice.pick([1, 100, 5000])),
    '{"total":1e999}',
    "null",
    '"text"',
  ]);
}
