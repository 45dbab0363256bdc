import assert from "node:assert/strict";
import { test } from "node:test";
import { faultText } from "../policy/check-value.ts";
import { sloRules } from "./slo-rules.ts";
import { parseSlos, type Slo } from "./slo.ts";

const PLACE: Slo = {
  name: "place",
  service: "orders",
  method: "shop.v1.OrderService/PlaceOrder",
  objective: { availability: 99.9, latency: { percent: 99, belowMs: 250 } },
};

const faultsOf = (value: unknown) => (parseSlos(value).faults ?? []).map(faultText);

test("what is wrong with objectives is told at once, each with its place", () => {
  assert.deepEqual(parseSlos({ slos: [PLACE] }), { slos: [PLACE] });
  assert.match(faultsOf(7)[0] ?? "", /an object, not 7/);
  assert.match(faultsOf({ slo: [] })[0] ?? "", /slo: there is no such field; did you mean slos\?/);
  const faults = faultsOf({
    slos: [
      { ...PLACE, name: "Place Order", windowDays: 3 },
      { ...PLACE, objective: { latency: { percent: 100, belowMs: 240 } } },
      { ...PLACE, objective: {}, method: 'a"} or up', labels: { slo: "x", team: 7 } },
      { name: "place", service: "orders", objective: { availability: 99 }, badCodes: ["INTERNEL"] },
      { ...PLACE, name: "none" },
      { ...PLACE, name: "none", service: undefined, availibility: 99 },
      7,
    ],
  });
  for (const [index, expected] of [
    /slos\[0\]\.windowDays: it must be .* 28 to 90/,
    /slos\[0\]\.name: it is made of a-z/,
    /slos\[1\]\.objective\.latency\.percent: it must be/,
    /slos\[1\]\.objective\.latency\.belowMs: it must be a bound .*250.* not 240/,
    /slos\[2\]\.method: it is such as/,
    /slos\[2\]\.objective: it must hold availability/,
    /slos\[2\]\.labels\.slo: it cannot be the name/,
    /slos\[2\]\.labels\.team: it must be a text/,
    /slos\[2\]\.name: "place" is there twice/,
    /slos\[3\]\.badCodes\[0\]: .*did you mean INTERNAL\?/,
    /slos\[3\]\.name: "place" is there twice/,
    /slos\[5\]\.availibility: there is no such field/,
    /slos\[5\]\.service: it is missing/,
    /slos\[5\]\.name: "none" is there twice/,
    /slos\[6\]: it must be an object/,
  ].entries())
    assert.ok(
      faults.some((fault) => expected.test(fault)),
      `${index}: ${expected} in\n${faults.join("\n")}`,
    );
});

test("thresholds are those of the workbook, and follow the window of the budget", () => {
  const limits = (slo: Slo) =>
    sloRules(slo, { timeScale: 1 })
      .flatMap(({ rules }) => rules)
      .flatMap((rule) =>
        "alert" in rule ? [...rule.expr.matchAll(/ > ([\d.]+) \*/g)].map(([, n]) => Number(n)) : [],
      );
  const one = { ...PLACE, objective: { availability: 99.9 } };
  assert.deepEqual(limits(one), [14.4, 14.4, 6, 6, 3, 3, 1, 1]);
  assert.deepEqual(limits({ ...one, windowDays: 60 }), [28.8, 28.8, 12, 12, 6, 6, 2, 2]);
});

test("an objective is one group for each indicator; times shrink and names stay when the scale does", () => {
  const groups = sloRules(PLACE, { timeScale: 0.01 });
  assert.deepEqual(
    groups.map(({ name }) => name),
    ["slo-place-availability", "slo-place-latency"],
  );
  const text = JSON.stringify(groups);
  assert.match(text, /slo:sli_error:ratio_rate1h/);
  assert.match(text, /\[36s\]/);
  assert.match(text, /le=\\"0.25\\"/);
  const whole = sloRules(
    { ...PLACE, objective: { latency: { percent: 99, belowMs: 1000 } } },
    { timeScale: 1 },
  );
  assert.match(JSON.stringify(whole), /le=~\\"1\(\[.\]0\)\?\\"/);
});
