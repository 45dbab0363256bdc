import assert from "node:assert/strict";
import { test } from "node:test";
import { isHeddleError } from "../call/errors.ts";
import { hostsOf, parseRegistryUrl, readRegistryOptions } from "./registry-url.ts";

test("a URL in its parts", () => {
  const url = parseRegistryUrl("ETCD://root:p%2Fa%40b%3Ac@10.0.0.1:2379, [::1]:2379/a%20b/c/?ttl=5&tls=on");
  assert.equal(url.scheme, "etcd");
  assert.deepEqual(url.hosts, ["10.0.0.1:2379", "[::1]:2379"]);
  assert.deepEqual([url.path, url.username, url.password], ["a b/c", "root", "p/a@b:c"]);
  assert.deepEqual({ ...url.query }, { ttl: "5", tls: "on" });
  assert.equal(url.text, "etcd://10.0.0.1:2379,[::1]:2379/a b/c");
});

test("a password goes on behind its colons", () => {
  assert.equal(parseRegistryUrl("etcd://root:a:b:c@h:1").password, "a:b:c");
});

test("no part of a secret that was not escaped is repeated, or taken for something else", () => {
  const texts = [
    "etcd://root:hun/ter2@h:1/x",
    "etcd://root:hun?ter2@h:1/x",
    "etcd://root:hun?ter2=x@h:1/x",
    "etcd://root:hun#ter2@h:1",
    "etcd://root:hun@ter2@h:1",
    "etcd://hun?ter2@h:1",
    "etcd://root:12/ter2@h:1",
    "etcd://root:%zz@h:1",
  ];
  for (const text of texts) {
    const use = () => {
      const url = parseRegistryUrl(text);
      hostsOf(url, 2379);
      readRegistryOptions(url).refuseOthers();
    };
    assert.throws(use, (error) => {
      assert.ok(isHeddleError(error) && error.reason === "optionInvalid", text);
      assert.doesNotMatch(error.message, /ter2|root|"hun/, text);
      return true;
    });
  }
});

test("two registries that differ in what one sees of them are two, with any secret and any times", () => {
  const identityOf = (text: string) => parseRegistryUrl(text).identity;
  const same = [
    "consul://h:8500?dc=a&tag=x",
    "consul://h:8500?tag=x&dc=a",
    "consul://:pass@h:8500?dc=a&tag=x&token=secret",
    "consul://h:8500?dc=a&tag=x&waitMs=1000",
  ];
  assert.deepEqual([...new Set(same.map(identityOf))], ["consul://h:8500?dc=a&tag=x"]);
  const others = ["consul://h:8500", "consul://h:8500?dc=b&tag=x", "consul://u:p@h:8500?dc=a&tag=x"];
  for (const other of others) assert.notEqual(identityOf(other), identityOf(same[0] as string), other);
  assert.notEqual(identityOf("kubernetes://?context=prod"), identityOf("kubernetes://?context=staging"));
  assert.equal(identityOf("127.0.0.1:4747"), "127.0.0.1:4747");
});
