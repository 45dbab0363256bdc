import assert from "node:assert/strict";
import { test } from "node:test";
import { readUtf8 } from "./utf8-text.ts";

const UTF8 = new TextEncoder();

test("text comes back as it is, with its byte order mark", () => {
  for (const text of ["", "{}", "äöü €", "\u{1f600}", "\ufeff{}", "\ufffd"])
    assert.equal(readUtf8(UTF8.encode(text)), text);
});

test("the first byte that is no UTF-8 is named", () => {
  const cases: readonly (readonly [number[], number])[] = [
    [[0xff], 0],
    [[...UTF8.encode('{"a":"é\ufffd'), 0xff, 0x22], 11],
    [[0x22, 0xc3, 0x28], 1],
    [[0x22, 0xe2, 0x82], 1],
  ];
  for (const [bytes, at] of cases)
    assert.throws(() => readUtf8(Uint8Array.from(bytes)), { message: `it is not UTF-8 (at byte ${at})` });
});
