import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { runCli } from "./run-cli.test.ts";

test("monitoring writes what is asked for, and leaves alone what somebody has changed", async (t) => {
  const out = await mkdtemp(join(tmpdir(), "heddle-monitoring-"));
  t.after(() => rm(out, { recursive: true }));
  const write = (...args: string[]) =>
    runCli(["monitoring", "prometheus", "grafana", "--out", out, "--registry", "10.0.0.9:4747", ...args]);
  const first = await write();
  assert.equal(first.code, 0, first.stderr);
  assert.equal(first.stdout.trimEnd().split("\n").length, 8);
  assert.deepEqual((await readdir(join(out, "grafana", "dashboards"))).length, 5);
  const path = join(out, "prometheus.yml");
  const text = await readFile(path, "utf8");
  assert.match(text, /url: http:\/\/10\.0\.0\.9:4747\/prometheus\/sd/);

  await writeFile(path, "mine");
  const kept = await write();
  assert.equal(kept.code, 1);
  assert.match(kept.stderr, /prometheus\.yml is there already, and differs\nnext: --force/);
  assert.equal(await readFile(path, "utf8"), "mine");
  const forced = await write("--force");
  assert.deepEqual([forced.code, forced.stdout], [0, `${path}\n`], "the others are as they were");
  assert.equal(await readFile(path, "utf8"), text);
});

test("what makes no sense is told: kinds, registries, and objectives by their line", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "heddle-monitoring-"));
  t.after(() => rm(folder, { recursive: true }));
  const slo = join(folder, "slo.yml");
  await writeFile(
    slo,
    "slos:\n  - name: place\n    service: orders\n    objective:\n      availability: 101\n",
  );
  const [none, kind, registry, objective] = await Promise.all([
    runCli(["monitoring"]),
    runCli(["monitoring", "grafanna", "--out", folder]),
    runCli(["monitoring", "prometheus", "--out", folder, "--registry", "etcd://a:1"]),
    runCli(["monitoring", "rules", "--out", folder, "--slo", slo]),
  ]);
  assert.equal(none.code, 2);
  assert.deepEqual([kind.code, /did you mean grafana\?/.test(kind.stderr)], [2, true]);
  assert.deepEqual([registry.code, /one control plane/.test(registry.stderr)], [2, true]);
  assert.equal(objective.code, 1);
  assert.match(
    objective.stderr,
    /slo\.yml:5: slos\[0\]\.objective\.availability: it must be .*\nnext: docs\/guides/,
  );
  assert.deepEqual(await readdir(folder), ["slo.yml"]);
});
