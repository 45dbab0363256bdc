/** `heddle config` as a process, against a control plane. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { startControlPlane } from "../control/plane/plane.ts";
import { runCli } from "./run-cli.test.ts";

const folder = await mkdtemp(join(tmpdir(), "heddle-cli-config-"));
after(() => rm(folder, { recursive: true }));

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

test("a config is set, shown in either form, and deleted", async () => {
  await using plane = await startControlPlane({ listen: "127.0.0.1:0" });
  const run = (...args: string[]) => runCli(["config", ...args, "--registry", plane.address]);
  const path = await file(
    "orders.yaml",
    "balancer: random\nmethods:\n  - timeoutMs: 1500\n    criticality: sheddable\n",
  );
  const set = await run("set", "shop.v1.OrderService", path);
  assert.deepEqual([set.code, set.stdout], [0, "shop.v1.OrderService: set; 0 watches were told\n"]);
  assert.match(set.stderr, /nobody calls shop\.v1\.OrderService at present/);
  const shown = await run("show", "shop.v1.OrderService");
  const config = { balancer: "random", methods: [{ timeoutMs: 1500, criticality: "sheddable" }] };
  assert.deepEqual([shown.code, JSON.parse(shown.stdout)], [0, config]);
  assert.deepEqual(JSON.parse((await run("show")).stdout), { services: { "shop.v1.OrderService": config } });
  const grpc = await run("show", "shop.v1.OrderService", "--grpc");
  assert.deepEqual(JSON.parse(grpc.stdout), {
    loadBalancingConfig: [{ heddle_random: {} }, { round_robin: {} }],
    methodConfig: [{ name: [{}], timeout: "1.500000000s" }],
  });
  assert.match(grpc.stderr, /methods\[0\]\.criticality is left out: gRPC has no such thing/);
  assert.equal((await run("delete", "shop.v1.OrderService")).stdout, "shop.v1.OrderService: deleted\n");
  const none = await run("show", "shop.v1.OrderService");
  assert.deepEqual([none.code, none.stdout], [1, ""]);
});

test("a file is checked, with line and place of each fault, whether it is one config or several", async () => {
  const bad = await file("bad.yaml", "methods:\n  - timeoutMs: 5\n  - timeOutMs: 5\n");
  const { code, stderr } = await runCli(["config", "validate", bad]);
  assert.equal(code, 1);
  assert.ok(
    stderr.startsWith(`${bad}:3: methods[1].timeOutMs: there is no such field; did you mean timeoutMs?\n`),
  );
  const several = await file("several.json", JSON.stringify({ services: { "*": { balancer: "randum" } } }));
  assert.match(
    (await runCli(["config", "validate", several])).stderr,
    /services\["\*"\]\.balancer: .*did you mean random/,
  );
  const good = await file(
    "good.json",
    JSON.stringify({ methodConfig: [{ name: [{}], timeout: "1s" }], later: 1 }),
  );
  const checked = await runCli(["config", "validate", good]);
  assert.deepEqual([checked.code, checked.stdout], [0, `${good}: ok\n`]);
  assert.match(checked.stderr, /later has no effect here/);
});

test("what cannot be done says why", async () => {
  const missing = await runCli(["config", "validate", join(folder, "nothing.yaml")]);
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /nothing\.yaml cannot be read: ENOENT/);
  const away = await runCli(["config", "show", "--registry", "127.0.0.1:1"]);
  assert.equal(away.code, 3);
  assert.match(away.stderr, /^heddle config: registry 127\.0\.0\.1:1 cannot be reached/);
  assert.equal((await runCli(["config", "frobnicate"])).code, 2);
});
