/** Reading a service config: what is right comes through as it is, and what is wrong is named, all of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isHeddleError } from "../call/errors.ts";
import { faultText } from "./check-value.ts";
import { parseServiceConfig, readServiceConfig } from "./parse-service-config.ts";
import { ruleFor } from "./rule-for.ts";
import { arbitraryServiceConfig } from "./service-config-arbitrary.test.ts";

function faultsOf(value: unknown): readonly string[] {
  return (parseServiceConfig(value).faults ?? []).map(faultText);
}

test("any config that the table of fields allows is read as it is, and so is its JSON", () => {
  fc.assert(
    fc.property(arbitraryServiceConfig(), (config) => {
      assert.deepEqual(parseServiceConfig(config), { config, notes: [] });
      assert.deepEqual(parseServiceConfig(JSON.parse(JSON.stringify(config))).config, config);
    }),
  );
});

test("nothing that can be passed throws", () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      const { config, faults } = parseServiceConfig(value);
      assert.ok((config === undefined) !== (faults === undefined));
    }),
  );
});

test("faults name the place, what is wrong, unit and bounds, and what was meant", () => {
  const cases: readonly [unknown, string][] = [
    [3, "it must be an object, not 3"],
    [{ balanzer: "random" }, "balanzer: there is no such field; did you mean balancer?"],
    [
      { balancer: "least_requests" },
      /^balancer: it must be one of default, .*, not "least_requests"; did you mean least_request\?$/,
    ],
    [
      { balancer: { ring_hash: { minRingSize: 0 } } },
      "balancer.ring_hash.minRingSize: it must be a whole number from 1 to 8388608, not 0",
    ],
    [
      { balancer: { random: {}, maglev: {} } },
      "balancer: it must be a name, or an object with one name and its settings, not an object",
    ],
    [
      { methods: [{ timeoutMs: "5s" }] },
      'methods[0].timeoutMs: it must be a number (ms) from 0 to 2592000000, not "5s"',
    ],
    [
      { methods: [{ timeoutMs: Number.NaN }] },
      "methods[0].timeoutMs: it must be a number (ms) from 0 to 2592000000, not NaN",
    ],
    [
      { methods: [{ timeOutMs: 5 }] },
      "methods[0].timeOutMs: there is no such field; did you mean timeoutMs?",
    ],
    [
      { methods: [{ retry: { maxAttempts: 6 } }] },
      "methods[0].retry.maxAttempts: it must be a whole number (attempts) from 1 to 5, not 6",
    ],
    [{ methods: [{ retry: true }] }, "methods[0].retry: it must be an object, not true"],
    [
      { methods: [{ retry: { retryableCodes: ["UNAVAILABEL"] } }] },
      /retryableCodes\[0\]: it must be one of CANCELLED, .*; did you mean UNAVAILABLE\?$/,
    ],
    [
      { methods: [{ retry: { retryableCodes: [17] } }] },
      /retryableCodes\[0\]: it must be one of .*, not 17$/,
    ],
    [{ methods: [{ criticality: "sheddible" }] }, /did you mean sheddable\?$/],
    [
      { methods: [{ hedge: { delayMs: "quantil" } }] },
      /delayMs: it must be a number \(ms\) from 0 to 2592000000, or quantile, not "quantil"$/,
    ],
    [{ methods: {} }, "methods: it must be a list, not an object"],
    [
      { retryThrottling: { maxTokens: 10 } },
      "retryThrottling.tokenRatio: it is missing: a number (tokens), more than 0 and at most 1000",
    ],
    [
      { methods: [{ names: [{ method: "Get" }] }] },
      "methods[0].names[0].method: it needs a service beside it",
    ],
    [
      { methods: [{ names: [{ service: "shop.v1.Orders/Get" }] }] },
      /did you mean the service "shop.v1.Orders" and the method "Get"\?$/,
    ],
    [
      { methods: [{ names: [{ service: "a.B" }] }, { names: [{ service: "a.B", method: "" }] }] },
      "methods[1].names[0]: service a.B has a rule already, at methods[0].names[0]",
    ],
    [
      { methods: [{}, { names: [] }] },
      "methods[1]: what no other rule names has a rule already, at methods[0]",
    ],
    [
      {
        methods: [
          {
            names: [
              { service: "a.B", method: "C" },
              { service: "a.B", method: "C" },
            ],
          },
        ],
      },
      "methods[0].names[1]: method a.B/C has a rule already, at methods[0].names[0]",
    ],
    [JSON.parse('{"__proto__": 1}'), /^__proto__: there is no such field/],
    [{ methods: [{ retry: { constructor: 1 } }] }, /constructor: there is no such field/],
    [
      { concurrencyLimit: { minimum: 2000 } },
      "concurrencyLimit.minimum: it must not be more than maximum, which is 1000",
    ],
    [
      { concurrencyLimit: { maximum: 5 } },
      "concurrencyLimit.maximum: it must not be less than minimum, which is 16",
    ],
  ] as never;
  for (const [value, expected] of cases) {
    const [fault = "none", ...others] = faultsOf(value);
    assert.deepEqual(others, [], fault);
    if (typeof expected === "string") assert.equal(fault, expected);
    else assert.match(fault, expected);
  }
});

test("all faults are found at once, and an error shows the first of very many", () => {
  assert.equal(faultsOf({ a: 1, balancer: 2, methods: [{ timeoutMs: -1 }, 3] }).length, 4);
  const many = { methods: Array.from({ length: 40 }, () => 1) };
  assert.throws(
    () => readServiceConfig(many, "orders"),
    (error) =>
      isHeddleError(error) &&
      error.reason === "serviceConfigInvalid" &&
      /^service config of orders is not valid: methods\[0\]: .*methods\[9\]: .*; and 30 more \(HDL-1008\)$/.test(
        error.rawMessage,
      ),
  );
});

test("codes may be numbers or written in any case, and are names afterwards", () => {
  const { config } = parseServiceConfig({
    methods: [{ retry: { retryableCodes: [14, "aborted", "UNKNOWN"] } }],
  });
  assert.deepEqual(config?.methods?.[0]?.retry, { retryableCodes: ["UNAVAILABLE", "ABORTED", "UNKNOWN"] });
});

test("the most exact rule holds, whole, wherever it stands", () => {
  const rules = [
    { timeoutMs: 1 },
    { names: [{ service: "a.B" }], timeoutMs: 2 },
    { names: [{ service: "x.Y" }, { service: "a.B", method: "C" }], timeoutMs: 3 },
  ];
  for (const order of [rules, rules.toReversed()]) {
    assert.equal(ruleFor(order, "a.B", "C")?.timeoutMs, 3);
    assert.equal(ruleFor(order, "a.B", "D")?.timeoutMs, 2);
    assert.equal(ruleFor(order, "q.Q", "C")?.timeoutMs, 1);
    assert.equal(ruleFor(order.slice(0, 2), "x.Z", "C")?.timeoutMs, order === rules ? 1 : undefined);
  }
  assert.equal(ruleFor([], "a.B", "C"), undefined);
});

test("a number far out of bounds costs no search for its divisors", () => {
  const startedMs = performance.now();
  const { faults } = parseServiceConfig({ balancer: { maglev: { tableSize: 9_007_199_254_740_881 } } });
  assert.equal(faults?.length, 1);
  assert.ok(performance.now() - startedMs < 500);
});
