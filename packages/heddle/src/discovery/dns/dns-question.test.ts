import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isHeddleError } from "../../call/errors.ts";
import { parseTarget, type Target } from "../target.ts";
import { questionOf } from "./dns-question.ts";
import { isServerAddress } from "./dns-source.ts";

const ask = (text: string, suffix = "", srv = "on") => questionOf(parseTarget(text), { suffix, srv });

test("a port asks for addresses, and no port for SRV records", () => {
  const services = (name: string) => ({ kind: "services", name });
  assert.deepEqual(ask("dns:///orders.internal:8080", "svc.test"), {
    kind: "addresses",
    host: "orders.internal",
    port: 8080,
  });
  assert.deepEqual(ask("dns:///%5B::1%5D:80"), { kind: "addresses", host: "::1", port: 80 });
  assert.deepEqual(ask("dns://10.0.0.1:53/orders.:80"), { kind: "addresses", host: "orders", port: 80 });
  assert.deepEqual(ask("dns:///orders", "svc.test"), services("_grpc._tcp.orders.svc.test"));
  assert.deepEqual(
    ask("dns:///shop.v1.OrderService", "svc.test"),
    services("_grpc._tcp.shop.v1.OrderService.svc.test"),
  );
  assert.deepEqual(ask("dns:///orders.other.", "svc.test"), services("_grpc._tcp.orders.other"));
  assert.deepEqual(ask("dns:///_orders._tcp.service.consul"), services("_orders._tcp.service.consul"));
  assert.deepEqual(ask("dns:///orders.service.consul?srv=plain"), services("orders.service.consul"));
  assert.deepEqual(ask("dns:///orders?srv=_http._tcp", "svc.test"), services("_http._tcp.orders.svc.test"));
  assert.deepEqual(ask("dns:///orders", "svc.test", "plain"), services("orders.svc.test"));
});

test("what DNS cannot be asked is refused with a reason", () => {
  assert.throws(() => ask("dns:///orders:0"), /port 0/);
  assert.throws(() => ask("dns:///orders:80?srv=on"), /leave it out/);
  assert.throws(() => ask("dns:///orders?srv=yes"), /srv must be on, plain/);
  assert.throws(() => ask("dns:///orders?ttl=1"), /no option "ttl"/);
  assert.throws(() => ask("dns:///or%20ders"), /is no name of DNS/);
  assert.throws(() => ask(`dns:///${"a".repeat(64)}`), /is no name of DNS/);
});

test("any name is a question or a fault of the target", () => {
  const target = fc.record({
    name: fc.string({ unit: "binary", minLength: 1 }),
    query: fc.dictionary(fc.constantFrom("srv", "x"), fc.string()),
  });
  fc.assert(
    fc.property(target, ({ name, query }) => {
      try {
        const question = questionOf(
          { scheme: "dns", authority: "", text: "dns:///x", name, query } as Target,
          { suffix: "", srv: "on" },
        );
        assert.ok(question.kind === "services" || question.port > 0);
      } catch (error) {
        assert.ok(isHeddleError(error) && error.reason === "targetInvalid");
      }
    }),
  );
});

test("servers are IP addresses", () => {
  for (const text of ["127.0.0.1", "127.0.0.1:5353", "[::1]", "[2001:db8::1]:53"])
    assert.ok(isServerAddress(text), text);
  for (const text of ["localhost", "127.0.0.1:0", "127.0.0.1:70000", "::1", "1.2.3", "[127.0.0.1]:53"])
    assert.ok(!isServerAddress(text), text);
});
