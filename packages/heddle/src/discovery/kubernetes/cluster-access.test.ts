import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createRuntime } from "../../runtime/runtime.ts";
import { createVirtualTime } from "../../runtime/virtual-time.ts";
import { readServerUrl } from "./cluster-access.ts";
import { isInCluster, openInClusterAccess } from "./in-cluster-access.ts";
import { kubeconfigFiles } from "./kubeconfig.ts";
import { type KubeconfigAccessOptions, openKubeconfigAccess } from "./kubeconfig-access.ts";

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "heddle-kubeconfig-"));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

const base64 = (text: string) => Buffer.from(text).toString("base64");

/** A kubeconfig with one context; `cluster` and `user` are lines of YAML at their place. */
function write(path: string, cluster: string, user: string, more = ""): void {
  const indented = (text: string) => text.replaceAll("\n", "\n    ");
  writeFileSync(
    path,
    `apiVersion: v1
kind: Config
current-context: here
contexts:
- name: here
  context: {cluster: c1, user: u1, namespace: shop}
- name: there
  context: {cluster: c2, user: u1}
clusters:
- name: c1
  cluster:
    ${indented(cluster)}
- name: c2
  cluster: {server: "https://[fd00::1]:6443/k8s/clusters/c-2/"}
users:
- name: u1
  user:
    ${indented(user)}
${more}`,
  );
}

const open = (files: readonly string[], options: Partial<KubeconfigAccessOptions> = {}) =>
  openKubeconfigAccess({
    files,
    context: undefined,
    env: process.env,
    runtime: createRuntime(),
    signal: new AbortController().signal,
    ...options,
  });
const first = { renew: false };

test("in a pod the address is in the environment and the rest in files, which are read again each time", async (t) => {
  const path = folder(t);
  const env = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "443" };
  assert.equal(isInCluster(env, path), false);
  writeFileSync(join(path, "token"), "first\n");
  writeFileSync(join(path, "ca.crt"), "CA");
  assert.equal(isInCluster(env, path), true);
  assert.equal(isInCluster({}, path), false);
  assert.equal((await openInClusterAccess(env, path)).namespace, "default");
  writeFileSync(join(path, "namespace"), "shop");
  const access = await openInClusterAccess(env, path);
  assert.deepEqual([access.host, access.basePath, access.namespace], ["[fd00::1]:443", "", "shop"]);
  assert.deepEqual(await access.credential(first), { authorization: "Bearer first", tls: { ca: "CA" } });
  writeFileSync(join(path, "token"), "second");
  assert.equal((await access.credential(first)).authorization, "Bearer second");
  await assert.rejects(openInClusterAccess({}, path), /this is no pod/);
});

test("the files of a kubeconfig are those of KUBECONFIG, else the one in the home folder", () => {
  assert.deepEqual(kubeconfigFiles({ KUBECONFIG: "/a:/b", HOME: "/root" }), ["/a", "/b"]);
  assert.deepEqual(kubeconfigFiles({ HOME: "/home/ada" }), ["/home/ada/.kube/config"]);
});

test("a context joins a cluster and a user, with certificates as data or in files beside it", async (t) => {
  const path = folder(t);
  const config = join(path, "config");
  mkdirSync(join(path, "pki"));
  writeFileSync(join(path, "pki/key.pem"), "KEY");
  write(
    config,
    `server: https://10.0.0.1:6443\ncertificate-authority-data: ${base64("CA")}\ntls-server-name: api.local`,
    `client-certificate-data: ${base64("CERT")}\nclient-key: pki/key.pem`,
  );
  const access = await open([config]);
  assert.deepEqual([access.host, access.basePath, access.namespace], ["10.0.0.1:6443", "", "shop"]);
  assert.deepEqual(await access.credential(first), {
    authorization: undefined,
    tls: { ca: "CA", cert: "CERT", key: "KEY", serverName: "api.local", anyCertificate: undefined },
  });
  const there = await open([config], { context: "there" });
  assert.deepEqual(
    [there.host, there.basePath, there.namespace],
    ["[fd00::1]:6443", "/k8s/clusters/c-2", "default"],
  );
});

test("a token stands in the kubeconfig or in a file that rotates; a password works too; HTTP has no TLS", async (t) => {
  const path = folder(t);
  const config = join(path, "config");
  write(config, "server: https://a\ninsecure-skip-tls-verify: true", "token: abc");
  const { authorization, tls } = await (await open([config])).credential(first);
  assert.deepEqual([authorization, tls?.anyCertificate], ["Bearer abc", true]);

  writeFileSync(join(path, "token"), "one\n");
  write(config, "server: http://127.0.0.1:8001", "tokenFile: token\ntoken: other");
  const access = await open([config]);
  assert.deepEqual(await access.credential(first), { authorization: "Bearer one", tls: undefined });
  writeFileSync(join(path, "token"), "two\n");
  assert.equal((await access.credential(first)).authorization, "Bearer two");

  write(config, "server: https://a", "username: ada\npassword: secret");
  const basic = (await (await open([config])).credential(first)).authorization;
  assert.equal(basic, `Basic ${base64("ada:secret")}`);
});

test("of several files the first that says something is right, and missing ones are passed over", async (t) => {
  const path = folder(t);
  write(join(path, "a"), "server: https://from-a", "token: a");
  write(join(path, "b"), "server: https://from-b", "token: b", "- name: u2\n  user: {token: c}\n");
  writeFileSync(
    join(path, "c"),
    "current-context: mixed\ncontexts: [{name: mixed, context: {cluster: c1, user: u2}}]",
  );
  const access = await open(["missing", "c", "b", "a"].map((name) => join(path, name)));
  assert.equal(access.host, "from-b:443");
  assert.equal((await access.credential(first)).authorization, "Bearer c");
});

test("a kubeconfig that can't be used is refused with a reason that has no secret in it", async (t) => {
  const path = folder(t);
  const config = join(path, "config");
  const refused = async (reason: RegExp, options: Partial<KubeconfigAccessOptions> = {}) =>
    await assert.rejects(open([config], options), (error: Error) => {
      assert.match(error.message, reason);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
  await refused(/there is no kubeconfig/);
  const good = "server: https://a";
  write(config, good, "token: hunter2");
  await refused(/no context "nowhere"/, { context: "nowhere" });
  write(config, "server: ftp://hunter2", "token: hunter2");
  await refused(/no http or https URL/);
  write(config, `${good}\nproxy-url: http://hunter2@proxy`, "token: hunter2");
  await refused(/has "proxy-url"/);
  write(config, good, "token: hunter2\nas: admin");
  await refused(/impersonation/);
  write(config, good, "auth-provider: {name: gcp}");
  await refused(/use exec/);
  write(config, good, "exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: x}");
  await refused(/unknown apiVersion/);
  writeFileSync(config, "contexts: [{hunter2");
  await refused(/is not YAML/);
  writeFileSync(config, "{}");
  await refused(/no current-context/);
});

/** A plugin that counts its runs in a file and answers with the output that the test gives it. */
function plugin(path: string, output: string): { runs: () => number } {
  const command = join(path, "plugin.sh");
  writeFileSync(
    command,
    `#!/bin/sh\necho run >> "${path}/runs"\necho "$KUBERNETES_EXEC_INFO" > "${path}/info"\n${output}\n`,
  );
  chmodSync(command, 0o755);
  return { runs: () => readFileSync(join(path, "runs"), "utf8").trim().split("\n").length };
}

const exec = `exec:
  apiVersion: client.authentication.k8s.io/v1
  command: ./plugin.sh
  args: [get-token, "--secret=hunter2"]
  env: [{name: REGION, value: eu}]
  provideClusterInfo: true`;

test("a plugin is run once for all, and again when its credential ends or is refused", async (t) => {
  const path = folder(t);
  const time = createVirtualTime();
  const ends = new Date(time.wallMs() + 600_000).toISOString();
  const status = `{\\"token\\":\\"from-$REGION-$1\\",\\"expirationTimestamp\\":\\"${ends}\\"}`;
  const { runs } = plugin(path, `echo "{\\"status\\":${status}}"`);
  write(join(path, "config"), "server: https://a", exec);
  const access = await open([join(path, "config")], {
    runtime: createRuntime({ clock: time, timers: time }),
  });
  const both = await Promise.all([access.credential(first), access.credential(first)]);
  assert.deepEqual(both[0], both[1]);
  assert.equal(both[0].authorization, "Bearer from-eu-get-token");
  assert.equal(runs(), 1);
  const info = JSON.parse(readFileSync(join(path, "info"), "utf8")) as { spec: { cluster: unknown } };
  assert.deepEqual(info.spec.cluster, { server: "https://a" });
  await access.credential({ renew: true });
  assert.equal(runs(), 2);
  time.advance(560_000);
  await access.credential(first);
  assert.equal(runs(), 2);
  time.advance(11_000);
  await access.credential(first);
  assert.equal(runs(), 3);
});

test("a plugin may give a certificate; one that fails is told with what it said, without its arguments", async (t) => {
  const path = folder(t);
  write(join(path, "config"), "server: https://a", exec);
  const status = '{"status":{"clientCertificateData":"CERT","clientKeyData":"KEY"}}';
  plugin(path, `echo '${status}'`);
  const access = await open([join(path, "config")]);
  const { authorization, tls } = await access.credential(first);
  assert.deepEqual([authorization, tls?.cert, tls?.key], [undefined, "CERT", "KEY"]);
  for (const [output, reason] of [
    ["echo please log in >&2; exit 3", /plugin\.sh gave no credential: please log in/],
    ["exit 3", /ended with status 3/],
    ["echo hello", /is no JSON/],
    ["echo '{}'", /neither a token nor a certificate/],
  ] as const) {
    plugin(path, output);
    await assert.rejects(access.credential({ renew: true }), (error: Error) => {
      assert.match(error.message, reason);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
  }
  rmSync(join(path, "plugin.sh"));
  await assert.rejects(access.credential({ renew: true }), /there is no such program/);
});

test("a plugin that hangs is given up", async (t) => {
  const path = folder(t);
  const time = createVirtualTime();
  plugin(path, "exec sleep 60");
  write(join(path, "config"), "server: https://a", exec);
  const runtime = createRuntime({ clock: time, timers: time });
  const access = await open([join(path, "config")], { runtime });
  const failure = assert.rejects(access.credential(first), /took longer than 30 s/);
  await new Promise((resolve) => setImmediate(resolve));
  time.advance(30_000);
  await failure;
});

test("a plugin that hangs and ignores signals leaves nothing behind, neither when it is given up nor when nobody wants it", async (t) => {
  const path = folder(t);
  const pids = () => readFileSync(join(path, "pids"), "utf8").trim().split(/\s+/).map(Number);
  plugin(path, `trap '' TERM INT\nsleep 600 &\necho $$ $! > ${join(path, "pids")}\nwait`);
  write(join(path, "config"), "server: https://a", exec);
  const time = createVirtualTime();
  const runtime = createRuntime({ clock: time, timers: time });
  const closing = new AbortController();
  const access = await open([join(path, "config")], { runtime, signal: closing.signal });
  const ends = [() => time.advance(30_000), () => closing.abort()];
  const reasons = [/took longer than 30 s/, /not needed any more/];
  for (const [index, end] of ends.entries()) {
    rmSync(join(path, "pids"), { force: true });
    const failure = assert.rejects(access.credential(first), reasons[index] as RegExp);
    await until(() => existsSync(join(path, "pids")) && pids().length === 2);
    end();
    await failure;
    await until(() => !pids().some(lives));
  }
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** A zombie, which its parent has not looked after yet, doesn't. */
function lives(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

test("a server's URL in its parts", () => {
  assert.deepEqual(readServerUrl("https://10.0.0.1"), { host: "10.0.0.1:443", basePath: "", isSecure: true });
  assert.deepEqual(readServerUrl("http://[::1]:8001/x/"), {
    host: "[::1]:8001",
    basePath: "/x",
    isSecure: false,
  });
  assert.throws(() => readServerUrl("10.0.0.1:6443"), /no http or https URL/);
});
