/** Events of a server that means ill; what events say is tested with the client of REST. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EventReader } from "./event-reader.ts";

function read(maxBytes: number, ...chunks: readonly string[]) {
  const events: string[] = [];
  const reader = new EventReader(maxBytes, (name, data) => events.push(`${name} ${JSON.stringify(data)}`));
  const tooLong = chunks.map((chunk) => {
    const bytes = new TextEncoder().encode(chunk);
    return reader.push(bytes, 0, bytes.length);
  });
  return { events, tooLong };
}

test("the data of an event is as long as it may be, and no longer", () => {
  assert.deepEqual(read(4, "data: abcd\n\n"), { events: ['message "abcd"'], tooLong: [undefined] });
  assert.deepEqual(read(5, "data: ab\ndata: cd\n\n").events, ['message "ab\\ncd"']);
  assert.deepEqual(read(4, "data: ab\ndata: cd\n\n").tooLong, [5]);
});

test("lines of data without a sign count: an event of nothing else has an end as well", () => {
  assert.deepEqual(read(3, "data\ndata\ndata\ndata\n\n").events, ['message "\\n\\n\\n"']);
  assert.deepEqual(read(3, "data\n".repeat(5)).tooLong, [4]);
});
