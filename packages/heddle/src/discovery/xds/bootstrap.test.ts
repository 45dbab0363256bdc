import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { isHeddleError } from "../../call/errors.ts";
import { parseRegistryUrl, readRegistryOptions } from "../registry-url.ts";
import { parseBootstrap, readBootstrap } from "./bootstrap.ts";

function read(text: string, env: Readonly<Record<string, string>> = {}) {
  const url = parseRegistryUrl(text);
  return readBootstrap({ url, env }, readRegistryOptions(url));
}

const server = (fields: object) =>
  JSON.stringify({ xds_servers: [{ server_uri: "plane:18000", ...fields }] });
const INSECURE = { channel_creds: [{ type: "insecure" }] };

test("a URL with hosts needs no file", () => {
  const { hosts, tls, node, listenerTemplate } = read(
    "xds://10.0.0.1,10.0.0.2:15010?node=one&cluster=shop&zone=a",
  );
  assert.deepEqual(hosts, ["10.0.0.1:18000", "10.0.0.2:15010"]);
  assert.equal(tls, undefined);
  assert.equal(listenerTemplate, "%s");
  assert.deepEqual(
    [node.id, node.cluster, node.locality?.zone, node.userAgentName],
    ["one", "shop", "a", "heddle"],
  );
  assert.notEqual(read("xds://10.0.0.1").node.id, "");
});

test("without hosts gRPC's bootstrap says all, and the URL overrides", () => {
  const GRPC_XDS_BOOTSTRAP_CONFIG = JSON.stringify({
    xds_servers: [{ server_uri: "plane:18000", ...INSECURE }],
    node: { id: "one", metadata: { a: 1 }, locality: { region: "r", zone: "z", sub_zone: "s" } },
    client_default_listener_resource_name_template: "%s.shop",
  });
  const { hosts, node, listenerTemplate } = read("xds://?node=two", { GRPC_XDS_BOOTSTRAP_CONFIG });
  assert.deepEqual(hosts, ["plane:18000"]);
  assert.equal(listenerTemplate, "%s.shop");
  assert.equal(node.id, "two");
  assert.deepEqual(node.metadata, { a: 1 });
  assert.equal(node.locality?.subZone, "s");
  assert.throws(() => read("xds://"), /needs a host, or GRPC_XDS_BOOTSTRAP must name/);
});

test("credentials: the first kind that is known, TLS with its files", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-xds-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const ca = join(folder, "ca.pem");
  writeFileSync(ca, "PEM");
  const tls = { type: "tls", config: { ca_certificate_file: ca } };
  const of = (...channel_creds: object[]) => parseBootstrap(server({ channel_creds })).tls;
  assert.equal(of({ type: "google_default" }, { type: "insecure" }, tls), undefined);
  assert.deepEqual(of(tls), { ca: "PEM", cert: undefined, key: undefined });
  assert.throws(() => of({ type: "tls", config: { certificate_file: ca } }), /come together/);
  assert.throws(
    () => of({ type: "tls", config: { ca_certificate_file: join(folder, "no") } }),
    /ca_certificate_file cannot be read \(ENOENT\)/,
  );
  assert.throws(() => of({ type: "google_default" }), /must have the type insecure or tls/);
});

test("names of gRPC in server_uri lead to host and port", () => {
  for (const [uri, host] of [
    ["dns:///plane:1", "plane:1"],
    ["dns://8.8.8.8/plane:1", "plane:1"],
    ["ipv4:10.0.0.1:1", "10.0.0.1:1"],
    ["plane:1", "plane:1"],
  ]) {
    assert.equal(parseBootstrap(server({ server_uri: uri, ...INSECURE })).host, host);
  }
});

test("a bootstrap that makes no sense says where", () => {
  for (const [content, message] of [
    ["{", /no JSON/],
    ["[]", /xds_servers must be a list/],
    ['{"xds_servers":[]}', /xds_servers must be a list/],
    ['{"xds_servers":[{}]}', /server_uri is missing/],
  ] as const)
    assert.throws(() => parseBootstrap(content), message);
});

test("any JSON is a bootstrap or an option that is not valid", () => {
  const keys = fc.constantFrom(
    "xds_servers",
    "server_uri",
    "channel_creds",
    "type",
    "config",
    "node",
    "ca_certificate_file",
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 6 },
      fc.constantFrom("tls", "insecure", "plane:1"),
      fc.integer(),
      fc.constant(null),
      fc.array(tie("tree"), { maxLength: 2 }),
      fc.dictionary(keys, tie("tree"), { maxKeys: 4 }),
    ),
  }));
  fc.assert(
    fc.property(tree, (value) => {
      try {
        assert.equal(typeof parseBootstrap(JSON.stringify(value)).host, "string");
      } catch (error) {
        assert.ok(isHeddleError(error) && error.reason === "optionInvalid", String(error));
      }
    }),
    { numRuns: 500 },
  );
});
