/** `npm start` as a person runs it: its report, its exit codes, and that nothing is left behind. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { faultOf } from "./src/demo/registry.ts";
import { allGone, assertGoodReport, childrenOf, PLACE_ORDER, run, START } from "./test-start.ts";

test("a registry that cannot be used is refused before anything starts", async (t) => {
  for (const [registry, reason] of [
    ["etdc", /"etdc" is neither a URL nor one of heddle, file, etcd, /],
    ["dns://127.0.0.1:53/svc.test", /services don't register in dns:\/\/.*; try dns/],
    ["etcdd://127.0.0.1:1", /no kind of registry "etcdd".*did you mean etcd\?/],
    ["etcd://127.0.0.1:1?tlt=3", /etcd:\/\/ has no option "tlt"/],
    ["zookeeper://127.0.0.1:1", /connect ECONNREFUSED 127\.0\.0\.1:1/],
    ["127.0.0.1:1", /connect ECONNREFUSED 127\.0\.0\.1:1/],
  ] as const) {
    const fault = await faultOf(registry);
    assert.match(fault ?? "", reason);
    assert.doesNotMatch(fault ?? "", /\n/);
  }
  const refused = run(t, START, "--registry", "etdc");
  assert.deepEqual(await once(refused.process, "close"), [2, null]);
  assert.match(refused.output, /^--registry: "etdc" is neither .*\n$/);
  const misspelled = run(t, START, "--registy", "file");
  assert.deepEqual(await once(misspelled.process, "close"), [2, null]);
  assert.match(misspelled.output, /^Unknown option '--registy'.*--registry <kind or URL>\n$/);
});

test("an instance is killed and no order fails; it stays up for one more, and Ctrl-C drains everything and exits 0", async (t) => {
  const start = run(t, START, "--orders", "100");
  const [, registry = "", url = ""] = await start.shows(
    /npm run order -- --registry (\S+) --sku mug --quantity 2\n[^]*at (http:\S+)\/docs for people\. Ctrl-C/,
  );
  const children = childrenOf(start.process.pid ?? 0);
  assert.equal(children.length, 9);
  assertGoodReport(start.output);

  const order = run(t, PLACE_ORDER, "--registry", registry, "--sku", "mug", "--quantity", "2");
  assert.deepEqual(await once(order.process, "close"), [0, null], order.output);
  assert.match(order.output, /placed order \S+: 2 mug for \$25\.00\n/);
  assert.match(order.output, /answered by order-[12] in /);
  const refused = run(t, PLACE_ORDER, "--registry", registry, "--card", "4000 0000 0000 0002");
  assert.deepEqual(await once(refused.process, "close"), [1, null]);
  assert.match(refused.output, /declined: insufficient funds/);

  for (const [, args = ""] of start.output.matchAll(/^ {2}(curl .*?(?: \\\n.*)?)$/gm)) {
    const answer = execFileSync("sh", ["-c", args.replace("curl", "curl -sSf")], { encoding: "utf8" });
    assert.match(answer, /"(id|orders|levels)":/, args);
  }
  assert.match(await (await fetch(`${url}/docs`)).text(), /Places an order/);

  start.process.kill("SIGINT");
  assert.deepEqual(await once(start.process, "close"), [0, null], start.output);
  await allGone(children);
});
