/**
 * The order system on every kind of registry, as a person runs it: the same processes, told nothing but another URL,
 * through the loss of an instance, and no order fails.
 */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { runToEnd } from "../kit/program.ts";
import { startEtcd } from "../kit/registries/etcd.ts";
import { opened, watching } from "../kit/registries/opened.ts";
import { until } from "../kit/within.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const KINDS = ["file", "etcd", "consul", "zookeeper", "eureka", "kubernetes", "dns", "xds"];

for (const kind of KINDS) {
  test(`npm start -- --exit --registry ${kind}: no order fails`, { timeout: 120_000 }, async () => {
    const url = await runOrders(kind);
    assert.equal(url.slice(0, url.indexOf(":")), kind);
    const [, path, port] = /^file:\/\/(.*)$|:(\d+)/.exec(url) ?? assert.fail(url);
    if (path !== undefined) assert.ok(!existsSync(path), `${path} is left behind`);
    else assert.ok(!(await listens(Number(port))), `${url} still runs`);
  });
}

test("a registry that runs already is used, left running, and left empty", {
  timeout: 120_000,
}, async (t) => {
  const server = await startEtcd();
  t.after(() => server.stop());
  assert.equal(await runOrders(`${server.url}/shop?ttlMs=3000`), `${server.url}/shop`);

  const orders = watching(t, await opened(t, `${server.url}/shop`), "shop.v1.OrderService");
  await until(() => orders.sizes.length > 0, "the answer");
  assert.deepEqual(orders.ids(), []);
});

/** Resolves with the registry's URL as the report has it. */
async function runOrders(registry: string): Promise<string> {
  const command = ["--prefix", ROOT, "start", "--", "--exit", "--orders", "200", "--registry", registry];
  const { code, output, answer } = await runToEnd("npm", command);
  assert.equal(code, 0, output);
  assert.match(answer, /failed +0\n/);
  assert.match(answer, /inventory-1 gets SIGKILL at order [\d,]+\n/);
  assert.match(answer, /the registry drops it, [\d.]+ s after the kill/);
  assert.match(answer, /it is back, [\d.]+ s after the kill\n/);
  for (const instance of ["order-2", "inventory-2", "payment-1", "notification-2"])
    assert.match(answer, new RegExp(`^ {2}${instance} +[\\d,]+ `, "m"));
  assert.match(answer, /books balance\n/);
  assert.doesNotMatch(output, /cannot be reached|ended by itself/);
  const [, url = ""] = /found through ([^\s,]+)/.exec(answer) ?? [];
  return url;
}

async function listens(port: number): Promise<boolean> {
  const socket = connect({ host: "127.0.0.1", port });
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
