/**
 * What is special to Eureka, against Spring Cloud's server: what other programs write and read (in XML), heartbeats and their
 * 404, overrides by operators, peers that replicate, a server that has forgotten everything. What holds for every registry is
 * in the contract suite.
 */
import "../../kit/trap.ts";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { suite, test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { createEndpoint } from "heddle/discovery";
import { startEureka } from "../../kit/registries/eureka.ts";
import { instanceOf, opened, watching } from "../../kit/registries/opened.ts";
import { until } from "../../kit/within.ts";

const run = promisify(execFile);

async function started(t: TestContext, size: 1 | 2 = 1) {
  const server = await startEureka({ size });
  t.after(() => server.stop());
  const [first, second = first] = server.nodes;
  assert.ok(first && second);
  /** A request in XML, as Eureka's oldest clients make it. */
  const ask = async (method: string, path: string, xml?: string, { address } = first) => {
    const data = xml === undefined ? [] : ["--data", xml, "-H", "content-type: application/xml"];
    const url = `http://${address}/eureka${path}`;
    const { stdout } = await run("curl", [
      "-sS",
      "--fail",
      "-X",
      method,
      "-H",
      "accept: application/xml",
      ...data,
      url,
    ]);
    return stdout;
  };
  return {
    ...server,
    first,
    second,
    ask,
    url: `${server.url}?pollMs=200&timeoutMs=1000&renewMs=1000&durationMs=3000`,
  };
}

/** As Netflix's Java client describes itself. */
function xmlOf(app: string, id: string, { port = 8080, durationInSecs = 90 } = {}): string {
  return `<instance>
  <instanceId>${id}</instanceId><hostName>host-7</hostName><app>${app}</app><ipAddr>10.0.0.7</ipAddr><status>UP</status>
  <port enabled="true">${port}</port><securePort enabled="false">443</securePort><countryId>1</countryId>
  <dataCenterInfo class="com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo"><name>MyOwn</name></dataCenterInfo>
  <leaseInfo><renewalIntervalInSecs>30</renewalIntervalInSecs><durationInSecs>${durationInSecs}</durationInSecs></leaseInfo>
  <metadata><zone>eu-1a</zone><version>7</version></metadata>
  <vipAddress>${app.toLowerCase()}.vip</vipAddress>
</instance>`;
}

suite("eureka: what others write and read", () => {
  test("an instance that is registered in XML is found by application and by virtual address, and gone", async (t) => {
    const { url, ask } = await started(t);
    const registry = await opened(t, url);
    const [byApp, byVip] = [watching(t, registry, "web"), watching(t, registry, "web.vip")];
    await ask("POST", "/apps/WEB", xmlOf("WEB", "host-7:web:8080"));
    await until(() => byApp.size === 1 && byVip.size === 1, "it is found");
    assert.deepEqual(
      byApp.get("WEB/host-7:web:8080"),
      createEndpoint({
        id: "WEB/host-7:web:8080",
        address: "10.0.0.7:8080",
        service: "web",
        tls: false,
        zone: "eu-1a",
        version: "7",
        metadata: { zone: "eu-1a", version: "7" },
        health: "healthy",
      }),
    );
    await ask("POST", "/apps/WEB", xmlOf("WEB", "host-8:web:8080", { port: 8081 }));
    await until(() => byApp.size === 2, "the second one");
    await ask("DELETE", "/apps/WEB/host-7:web:8080");
    await until(() => byApp.size === 1, "one is gone");
  });

  test("what we register is there in XML, under each name", async (t) => {
    const { url, ask } = await started(t);
    const registry = await opened(t, url);
    const instance = instanceOf("orders/1", {
      contracts: ["shop.v1.OrderService"],
      tls: true,
      zone: "eu-1b",
      weight: 3,
      metadata: { team: "a", "no name": "\u0001" },
    });
    await registry.registrar.register(instance).registered;
    const all = await ask("GET", "/apps");
    for (const part of [
      "<app>ORDERS</app>",
      "<app>SHOP.V1.ORDERSERVICE</app>",
      "<vipAddress>shop.v1.OrderService</vipAddress>",
      "<instanceId>orders~2F1</instanceId>",
      '<securePort enabled="true">4001</securePort>',
      '<port enabled="false">4001</port>',
      "<zone>eu-1b</zone>",
      "<team>a</team>",
      "<heddle.weight>3</heddle.weight>",
    ]) {
      assert.ok(all.includes(part), `${part} in ${all}`);
    }
    const set = watching(t, await opened(t, url), "shop.v1.OrderService");
    await until(() => set.size === 1, "it is found");
    assert.deepEqual(set.get("orders/1"), { ...instance, health: "healthy" });
  });

  test("who sends no heartbeat is evicted, and the last to hear of it are our callers", async (t) => {
    const { url, ask } = await started(t);
    const set = watching(t, await opened(t, url), "web");
    await ask("POST", "/apps/WEB", xmlOf("WEB", "a", { durationInSecs: 1 }));
    await until(() => set.size === 1, "it is found");
    await until(() => set.size === 0, "it is evicted", 15_000);
  });

  test("two thousand instances come whole, and a change among them as a delta", async (t) => {
    const { url, first, ask } = await started(t);
    const config = Array.from({ length: 2000 }, (_, i) => xmlOf("WEB", `i${i}`));
    for (let at = 0; at < config.length; at += 50) {
      await Promise.all(
        config.slice(at, at + 50).map(async (body) => {
          const headers = { "content-type": "application/xml" };
          const response = await fetch(`http://${first.address}/eureka/apps/WEB`, {
            method: "POST",
            headers,
            body,
          });
          assert.equal(response.status, 204);
        }),
      );
    }
    const set = watching(t, await opened(t, url), "web");
    await until(() => set.size === 2000, "all are found");
    const startedAtMs = performance.now();
    await ask("DELETE", "/apps/WEB/i77");
    await until(() => set.size === 1999, "the change");
    t.diagnostic(`a change among 2000: ${Math.round(performance.now() - startedAtMs)} ms, polled every 200`);
  });
});

suite("eureka: registrations", () => {
  test("an operator's override outlives heartbeats and changes, until the operator takes it back", async (t) => {
    const { url, ask } = await started(t);
    const registry = await opened(t, url);
    const set = watching(t, registry, "orders");
    const registration = registry.registrar.register(instanceOf("orders-1"));
    await until(() => set.size === 1, "it is found");
    await ask("PUT", "/apps/ORDERS/orders-1/status?value=OUT_OF_SERVICE");
    await until(() => set.size === 0, "it is out of service");
    registration.update({ weight: 5 });
    const stored = () => ask("GET", "/apps/ORDERS/orders-1");
    await until(async () => (await stored()).includes("<heddle.weight>5<"), "the change");
    const renewedAt = async () => /<lastRenewalTimestamp>(\d+)/.exec(await stored())?.[1];
    const before = await renewedAt();
    await until(async () => (await renewedAt()) !== before, "a heartbeat");
    assert.match(await stored(), /<overriddenstatus>OUT_OF_SERVICE</);
    assert.equal(set.size, 0);
    await ask("DELETE", "/apps/ORDERS/orders-1/status?value=UP");
    await until(() => set.get("orders-1")?.weight === 5, "it is back");
  });

  test("who drains is DOWN for others, and draining for us", async (t) => {
    const { url, ask } = await started(t);
    const registry = await opened(t, url);
    const set = watching(t, registry, "orders");
    const registration = registry.registrar.register(instanceOf("orders-1"));
    await until(() => set.size === 1, "it is found");
    registration.update({ draining: true });
    await until(() => set.get("orders-1")?.draining === true, "it drains");
    assert.match(await ask("GET", "/apps/ORDERS/orders-1"), /<status>DOWN</);
    await registration[Symbol.asyncDispose]();
    await until(() => set.size === 0, "it is gone");
  });

  test("an old incarnation does not come in the way of a new one", async (t) => {
    const { url, ask } = await started(t);
    const old = await opened(t, url);
    const oldRegistration = old.registrar.register(instanceOf("orders-1"));
    await oldRegistration.registered;
    const young = await opened(t, url);
    await young.registrar.register(instanceOf("orders-1", { address: "127.0.0.1:4002" })).registered;
    await until(() => old.events.includes("refused"), "the refusal");
    await oldRegistration[Symbol.asyncDispose]();
    assert.match(await ask("GET", "/apps/ORDERS/orders-1"), />4002<\/port>/);
  });
});

suite("eureka: servers that fail", () => {
  test("a server that was killed comes back with nothing, and nobody is lost", async (t) => {
    const { url, first } = await started(t);
    const registry = await opened(t, url);
    const registration = registry.registrar.register(instanceOf("orders-1"));
    const set = watching(t, registry, "orders");
    await until(() => set.size === 1, "it is found");
    await first.kill();
    await until(() => registry.events.includes("disconnected"), "the loss is noticed");
    await first.restart();
    await until(() => registration.state === "registered", "it is registered again");
    registration.update({ weight: 9 });
    await until(() => set.get("orders-1")?.weight === 9, "a change arrives");
    assert.ok(
      set.sizes.slice(set.sizes.indexOf(1)).every((size) => size === 1),
      String(set.sizes),
    );
  });

  test("a frozen server is found by our own time, and nobody is lost when it thaws", async (t) => {
    const { url, first } = await started(t);
    const registry = await opened(t, url);
    const registration = registry.registrar.register(instanceOf("orders-1"));
    const set = watching(t, registry, "orders");
    await until(() => set.size === 1, "it is found");
    await first.freeze();
    const frozenAtMs = performance.now();
    await until(() => registry.events.includes("disconnected"), "the silence is noticed");
    assert.ok(performance.now() - frozenAtMs < 2_500);
    await until(() => registration.state === "lost", "the registration is lost by our own time");
    await until(() => performance.now() - frozenAtMs > 6_000, "twice the lease");
    first.thaw();
    await until(() => registration.state === "registered", "it is registered again");
    registration.update({ weight: 9 });
    await until(() => set.get("orders-1")?.weight === 9, "a change arrives");
    assert.ok(
      set.sizes.slice(set.sizes.indexOf(1)).every((size) => size === 1),
      String(set.sizes),
    );
  });

  test("of two peers one dies: the other one knows, and takes over", async (t) => {
    const { url, first, second, ask } = await started(t, 2);
    const registry = await opened(t, url);
    const registration = registry.registrar.register(instanceOf("orders-1"));
    const set = watching(t, registry, "orders");
    await until(() => set.size === 1, "it is found");
    const atSecond = () => ask("GET", "/apps/ORDERS/orders-1", undefined, second).catch(() => "");
    await until(async () => (await atSecond()).includes("orders-1"), "the peers have told each other");
    await first.kill();
    registration.update({ weight: 4 });
    await until(() => set.get("orders-1")?.weight === 4, "the change arrives through the other one");
    assert.ok(
      set.sizes.slice(set.sizes.indexOf(1)).every((size) => size === 1),
      String(set.sizes),
    );
    await registration[Symbol.asyncDispose]();
    await until(async () => (await atSecond()) === "", "it is given up there");
  });
});
