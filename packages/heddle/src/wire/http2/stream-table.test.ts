import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Http2Stream } from "./stream.ts";
import { StreamTable } from "./stream-table.ts";

test("it holds what a map would hold, with ids that go up and streams that live long", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ open: fc.nat(200), keepEvery: fc.integer({ min: 1, max: 90 }) }), {
        maxLength: 30,
      }),
      (rounds) => {
        const table = new StreamTable();
        const model = new Map<number, Http2Stream>();
        let nextId = 1;
        for (const { open, keepEvery } of rounds) {
          for (let i = 0; i < open; i++, nextId += 2) {
            const stream = new Http2Stream(nextId, 0, 0);
            table.add(stream);
            model.set(nextId, stream);
          }
          for (const id of model.keys()) {
            if (((id - 1) / 2) % keepEvery === 0) continue;
            table.delete(id);
            table.delete(id);
            model.delete(id);
          }
          assert.equal(table.size, model.size);
          for (const [id, stream] of model) assert.equal(table.get(id), stream);
          assert.deepEqual(new Set(table.values()), new Set(model.values()));
          assert.equal(table.has(nextId), false);
        }
        table.clear();
        assert.equal(table.size, 0);
        assert.deepEqual([...table.values()], []);
      },
    ),
  );
});
