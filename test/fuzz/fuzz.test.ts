/** What once failed stays mended: every kept input is replayed; and every target takes a few new ones. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { Dice } from "./dice.ts";
import { runTarget, shrink } from "./run.ts";
import { loadTarget, targetNames, targetUrl } from "./target.ts";
import { failureOf } from "./worker.ts";

for (const name of targetNames) {
  describe(name, () => {
    const folder = new URL(`seeds/${name}/`, import.meta.url);
    for (const file of existsSync(folder) ? readdirSync(folder) : []) {
      it(`holds what it must with the input kept in ${file}`, async () => {
        const target = await loadTarget(targetUrl(name));
        const reason = await failureOf(target, new Uint8Array(readFileSync(new URL(file, folder))));
        await target.close?.();
        assert.equal(reason, undefined);
      });
    }

    it("holds what it must with a few hundred inputs", async () => {
      const target = await loadTarget(targetUrl(name));
      const until = performance.now() + 700;
      for (let seed = 0; seed < 500 && performance.now() < until; seed++)
        assert.equal(await failureOf(target, target.generate(new Dice(seed))), undefined, `seed ${seed}`);
      await target.close?.();
    });
  });
}

describe("the fuzzer finds", () => {
  const testdata = (file: string) => new URL(`testdata/${file}`, import.meta.url).href;
  const short = { seed: 1, milliseconds: 60_000, inputs: 5_000 };

  it("an input that breaks, and shrinks it to what matters; its seed repeats it", async () => {
    const { failure } = await runTarget(testdata("breaks.ts"), short);
    assert.match(failure?.reason ?? "", /seven and a large one/);
    assert.ok(failure !== undefined);
    const target = await loadTarget(testdata("breaks.ts"));
    assert.deepEqual(target.generate(new Dice(failure.seed)), failure.input);
    assert.equal((await shrink(target, failure.input)).length, 2);
  });

  it("an input that never ends", async () => {
    const { failure, hangs } = await runTarget(testdata("hangs.ts"), { ...short, hangMs: 300 });
    assert.equal(hangs, true);
    assert.deepEqual(failure?.input, Uint8Array.of(42));
  });

  it("a rejection that nobody handles", async () => {
    const { failure } = await runTarget(testdata("rejects.ts"), short);
    assert.match(failure?.reason ?? "", /nobody caught: Error: loose/);
  });
});
