import assert from "node:assert/strict";
import { test } from "node:test";
import { findSection, renderBench, renderLimits, replaceSection } from "./docs-sections.mjs";

const results = `# Results

| | |
|---|---|
| date | 2026-01-02 |
| machine | A CPU, 2 cores |
| Node | v24.21.0 |
| command | \`npm run bench -- rpc --write\` |

## Unary calls

| peer | in flight | calls/s | p50 µs |
|---|---:|---:|---:|
| heddle | 1 | 9,000 | 100 |
| heddle | 64 | 90,000 | 600 |
| grpc-js | 1 | 3,000 | 300 |
| grpc-js | 64 | 10,000 | 6000 |

| ratio | @1 | @64 |
|---|---:|---:|
| heddle/grpc-js | 3.00 | 9.00 |
`;

test("the figures of the README are those of the recorded run", () => {
  const text = renderBench(results);
  assert.match(text, /^## Measured/);
  assert.match(
    text,
    /2026-01-02, A CPU, 2 cores, Node 24\.21\.0;\n`npm run bench -- rpc --write` repeats it/,
  );
  assert.match(text, /\| peer \| 1 in flight \| 64 in flight \|/);
  assert.match(text, /\| `heddle` \| 9,000 \| 90,000 \|/);
  assert.match(text, /\| `grpc-js` \| 3,000 \| 10,000 \|/);
  assert.match(text, /\| `heddle\/grpc-js` \| 3\.00 \| 9\.00 \|/);
});

test("without a recorded run there are no figures", () => {
  assert.equal(renderBench(""), "");
  assert.equal(
    replaceSection("a\n<!-- x -->\nold\n<!-- /x -->\nb", "x", ""),
    "a\n<!-- x -->\n<!-- /x -->\nb",
  );
});

test("a limit is described by its docstring and valued by the code", () => {
  const source = `interface L {
  /** Frames of a kind. Default 3. Frame flood. */
  readonly frames: number;
  /**
   * Pings of a peer,
   * in bursts. Default 9.
   */
  readonly pings: Rate;
}`;
  const text = renderLimits({ frames: 70_000, pings: { burst: 200, perSecond: 50 } }, source);
  assert.match(text, /\| `frames` \| 70 000 \| Frames of a kind\. Frame flood\. \|/);
  assert.match(text, /\| `pings` \| 200 at once, 50 a second \| Pings of a peer, in bursts\. \|/);
});

test("a section is found and replaced between its markers, and nowhere else", () => {
  const text = "<!-- file a.ts -->\none\n<!-- /file -->\n<!-- file b.ts -->\ntwo\n<!-- /file -->\n";
  assert.equal(findSection(text, "file b.ts"), "two");
  assert.equal(findSection(text, "file c.ts"), undefined);
  assert.equal(findSection(replaceSection(text, "file a.ts", "three"), "file a.ts"), "three");
  assert.equal(findSection(replaceSection(text, "file a.ts", "three"), "file b.ts"), "two");
});
