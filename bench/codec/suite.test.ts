import assert from "node:assert/strict";
import { test } from "node:test";
import { toMarkdown } from "./report.ts";
import { describeMachine } from "../machine.ts";
import { fixtureNames } from "./fixtures.ts";
import { runCodecSuite, toCodecRatios } from "./suite.ts";

test("all codecs write the same bytes of every fixture, and are told apart by speed alone", async () => {
  const rows = await runCodecSuite({
    fixtures: fixtureNames,
    rounds: 1,
    warmUpMs: 1,
    measureMs: 1,
    onProgress: () => undefined,
  });
  assert.equal(rows.length, fixtureNames.length * 2);
  for (const { fixture, bytes, perSecond } of rows) {
    assert.ok(bytes > 0, fixture);
    assert.deepEqual(Object.keys(perSecond), ["heddle", "protobuf-es", "protobufjs"]);
    for (const rate of Object.values(perSecond)) assert.ok(rate > 0, fixture);
  }
  const ratios = toCodecRatios(rows);
  assert.equal(Object.keys(ratios).length, rows.length * 2);
  const page = toMarkdown({
    suite: "codec",
    node: process.version,
    date: "2026-01-01T00:00:00Z",
    command: "npm run bench -- codec",
    machine: describeMachine(),
    rows,
    ratios,
  });
  assert.match(page, /^## codec/);
  assert.match(page, /\| small \| encode \| 88 \|/);
});

test("ratios are Heddle's operations over those of the others", () => {
  const perSecond = { heddle: 300, "protobuf-es": 100, protobufjs: 200 };
  assert.deepEqual(
    toCodecRatios([{ fixture: "small", operation: "encode", bytes: 88, perSecond, roundPerSecond: {} }]),
    { "heddle/protobuf-es@small.encode": 3, "heddle/protobufjs@small.encode": 1.5 },
  );
});
