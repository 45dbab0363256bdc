import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Instrument } from "./instrument.ts";
import { instruments } from "./instruments.ts";
import { Metrics } from "./metrics.ts";
import type { HistogramValue, MetricFamily } from "./snapshot.ts";

const calls: Instrument = {
  name: "test.calls",
  kind: "counter",
  unit: "{call}",
  labels: ["rpc.method", "heddle.peer.instance"],
  open: ["heddle.peer.instance"],
  help: "Calls.",
};
const level: Instrument = { name: "test.level", kind: "gauge", unit: "1", labels: ["of"], help: "A level." };

function pointsOf(families: readonly MetricFamily[], name: string): Record<string, number | HistogramValue> {
  const { points = [] } = families.find(({ instrument }) => instrument.name === name) ?? {};
  return Object.fromEntries(points.map(({ labels, value }) => [labels.join(" "), value]));
}

describe("metrics", () => {
  it("gives the same series for the same labels, whoever asks", () => {
    const metrics = new Metrics();
    metrics.counter(calls, ["m", "i"]).add();
    metrics.counter(calls, ["m", "i"]).add(2);
    assert.deepEqual(pointsOf(metrics.collect(0), "test.calls"), { "m i": 3 });
  });

  it("tells apart labels that look alike when joined", () => {
    const metrics = new Metrics();
    metrics.counter(calls, ["a", "b,c"]).add();
    metrics.counter(calls, ["a,b", "c"]).add();
    assert.equal(Object.keys(pointsOf(metrics.collect(0), "test.calls")).length, 2);
  });

  it("folds what is too much into `other`, first by the labels from outside, and says so once", () => {
    const told: string[] = [];
    const metrics = new Metrics({ maxSeries: 4, onFold: ({ name }) => told.push(name) });
    for (let i = 0; i < 10; i++) metrics.counter(calls, ["m", `instance ${i}`]).add();
    const families = metrics.collect(0);
    const points = pointsOf(families, "test.calls");
    assert.equal(points["m other"], 6);
    assert.equal(
      Object.values(points).reduce((total: number, each) => total + Number(each), 0),
      10,
    );
    assert.deepEqual(told, ["test.calls"]);
    assert.deepEqual(pointsOf(families, "heddle.metrics.folded"), { "test.calls": 6 });
  });

  it("folds everything when there is too much even so", () => {
    const metrics = new Metrics({ maxSeries: 4 });
    for (let i = 0; i < 100; i++) metrics.counter(calls, [`method ${i}`, `instance ${i}`]).add();
    const points = pointsOf(metrics.collect(0), "test.calls");
    assert.equal(Object.keys(points).length, 7);
    assert.equal(points["method 4 other"], 1);
    assert.equal(points["other other"], 94);
  });

  it("folds what observers tell as well", () => {
    const metrics = new Metrics({ maxSeries: 3 });
    metrics.observe((into) => {
      for (let i = 0; i < 10; i++) into.add(level, [`${i}`], 1);
    });
    assert.deepEqual(pointsOf(metrics.collect(0), "test.level"), { 0: 1, 1: 1, 2: 1, other: 7 });
  });

  it("forgets series that everybody has let go of, five minutes later", () => {
    const metrics = new Metrics();
    const one = metrics.counter(calls, ["m", "i"]);
    const two = metrics.counter(calls, ["m", "i"]);
    one.add();
    metrics.release(calls, one, 0);
    assert.equal(Object.keys(pointsOf(metrics.collect(1e9), "test.calls")).length, 1);
    metrics.release(calls, two, 1000);
    assert.equal(Object.keys(pointsOf(metrics.collect(60_000), "test.calls")).length, 1);
    assert.equal(Object.keys(pointsOf(metrics.collect(302_000), "test.calls")).length, 0);
  });

  it("adds up what observers say of the same labels, and keeps counters of those that are gone", () => {
    const metrics = new Metrics();
    const observer = metrics.observe((into) => {
      into.add(level, ["a"], 2);
      into.add(instruments.clientEjections, ["orders"], 3);
    });
    metrics.observe((into) => {
      into.add(level, ["a"], 5);
      into.add(instruments.clientEjections, ["orders"], 1);
    });
    assert.deepEqual(pointsOf(metrics.collect(0), "test.level"), { a: 7 });
    observer.dispose(0);
    observer.dispose(0);
    const families = metrics.collect(0);
    assert.deepEqual(pointsOf(families, "test.level"), { a: 5 });
    assert.deepEqual(pointsOf(families, "heddle.client.ejections"), { orders: 4 });
  });

  it("says how many series it keeps", () => {
    const metrics = new Metrics();
    metrics.counter(calls, ["m", "i"]);
    metrics.histogram(instruments.serverQueueDelay);
    assert.deepEqual(pointsOf(metrics.collect(0), "heddle.metrics.series"), { "": 2 });
  });
});

describe("the table of instruments", () => {
  it("has each name once, and labels without repeats", () => {
    const rows: Instrument[] = Object.values(instruments);
    assert.equal(new Set(rows.map(({ name }) => name)).size, rows.length);
    for (const { name, labels, open = [] } of rows) {
      assert.equal(new Set(labels).size, labels.length, name);
      for (const label of open) assert.ok(labels.includes(label), `${name}: ${label}`);
    }
  });

  it("has ascending bounds for histograms, and for nothing else; sentences for all", () => {
    const rows: Instrument[] = Object.values(instruments);
    for (const { name, kind, bounds, help } of rows) {
      assert.equal(bounds !== undefined, kind === "histogram", name);
      assert.deepEqual(
        bounds?.toSorted((a, b) => a - b),
        bounds,
        name,
      );
      assert.match(help, /^[A-Z0-9].*\.$/, name);
    }
  });
});
