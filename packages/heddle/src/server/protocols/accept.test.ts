import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseType } from "./accept.ts";

const offered = ["application/x-ndjson", "text/event-stream"];

const table: readonly (readonly [accept: string | undefined, chosen: string | undefined])[] = [
  [undefined, "application/x-ndjson"],
  ["", "application/x-ndjson"],
  ["*/*", "application/x-ndjson"],
  ["text/event-stream", "text/event-stream"],
  ["Text/Event-Stream; charset=utf-8", "text/event-stream"],
  ["text/*", "text/event-stream"],
  ["text/*;q=0.5, application/*;q=0.4", "text/event-stream"],
  ["text/event-stream;q=0.2, */*;q=0.1", "text/event-stream"],
  ["application/x-ndjson;q=0, */*", "text/event-stream"],
  ["text/html, application/xhtml+xml, */*;q=0.8", "application/x-ndjson"],
  ["text/event-stream;q=2", "text/event-stream"],
  ["application/json", undefined],
  ["*/*;q=0", undefined],
  ["text", undefined],
  [",,;q=1,", undefined],
];

for (const [accept, chosen] of table)
  test(`accept: ${accept ?? "(none)"} → ${chosen ?? "406"}`, () =>
    assert.equal(chooseType(accept, offered), chosen));

test("a very long one is read as far as anybody means", () => {
  assert.equal(chooseType(`${"a/b,".repeat(10_000)}*/*`, offered), undefined);
});
