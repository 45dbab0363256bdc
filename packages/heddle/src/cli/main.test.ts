import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createClient } from "@connectrpc/connect";
import { createTransport } from "../client/transport.ts";
import { until } from "../connection/scripted-peer.test.ts";
import { Echo } from "../contract/echo-service.test.ts";
import { startControlPlane } from "../control/plane/plane.ts";
import { servedContract } from "../discovery/contract-hash.ts";
import { RegistryAdminService } from "../gen/heddle/registry/v1/admin_pb.ts";
import { createMesh } from "../mesh.ts";
import { implement } from "../server/implement.ts";
import { runCli, startCli } from "./run-cli.test.ts";

test("wrong usage is exit code 2, and says what there is", async () => {
  const results = await Promise.all([
    runCli([]),
    runCli(["fly"]),
    runCli(["ps", "--colour"]),
    runCli(["stack", "extra"]),
    runCli(["ps", "a", "b"]),
    runCli(["ps", "--label", "k"]),
  ]);
  for (const { code, stderr, stdout } of results)
    assert.deepEqual([code, (stdout + stderr).includes("heddle")], [2, true], stderr);
  assert.match(results[1]?.stderr ?? "", /there is no command "fly"[\s\S]*heddle ps/);
});

test("help is not an error", async () => {
  const all = await Promise.all([
    runCli(["--help"]),
    runCli(["control", "--help"]),
    runCli(["ps", "--help"]),
  ]);
  for (const { code, stdout, stderr } of all) {
    assert.deepEqual([code, stderr], [0, ""]);
    for (const command of ["control", "ps", "stack"]) assert.match(stdout, new RegExp(`heddle ${command}`));
  }
});

test("an option that is misspelled or cannot be used is told in a line, with what may have been meant", async () => {
  const [misspelled, store, listen] = await Promise.all([
    runCli(["ps", "--zne", "a"]),
    runCli(["control", "--store", "consul://127.0.0.1"]),
    runCli(["control", "--listen", "4747"]),
  ]);
  assert.equal(misspelled.code, 2);
  assert.match(
    misspelled.stderr,
    /^heddle: Unknown option '--zne'; did you mean --zone\?\n\n.*\n\n {2}heddle control/,
  );
  assert.equal(store.code, 2);
  assert.match(store.stderr, /^heddle: option store .*etcd:\/\/ \(HDL-1002\)\nnext: .*\n$/);
  assert.equal(listen.code, 1);
  assert.match(listen.stderr, /^heddle: cannot listen on 4747: .*\(HDL-1004\)\nnext: .*\n$/);
});

test("control whose etcd is away says so and ends with 1", async () => {
  const { code, stderr } = await runCli([
    "control",
    "--listen",
    "127.0.0.1:0",
    "--store",
    "etcd://127.0.0.1:1/heddle-control",
  ]);
  assert.equal(code, 1);
  assert.match(stderr, /^heddle: .*etcd:\/\/127\.0\.0\.1:1\/heddle-control.*\(HDL-1007\)\nnext: .*\n$/);
});

test("ps lists what is registered, as a table and as JSON", async () => {
  await using plane = await startControlPlane({ listen: "127.0.0.1:0", warmUpMs: 0 });
  const empty = await runCli(["ps", "--registry", plane.address]);
  assert.deepEqual([empty.code, empty.stdout], [0, "no instances\n"]);
  assert.deepEqual(JSON.parse((await runCli(["ps", "--json"], { HEDDLE_REGISTRY: plane.address })).stdout), {
    instances: [],
  });

  await using mesh = await createMesh({
    service: "echo",
    instance: "echo-1",
    registry: plane.address,
    stateFolder: false,
    shutdownSignals: [],
    zone: "a",
    version: "2",
  });
  const server = await mesh.serve(implement(Echo, {}));
  await server.registered;
  const { hash: contractHash } = servedContract([Echo], "annotations");
  const table = await runCli(["ps", "--registry", plane.address]);
  const rows = table.stdout
    .trimEnd()
    .split("\n")
    .map((row) => row.split(/\s{2,}/));
  assert.deepEqual(rows, [
    ["SERVICE", "INSTANCE", "ADDRESS", "STATE", "HASH", "CONTRACTS"],
    ["echo", "echo-1", server.address, "ready", contractHash.slice(0, 8), "heddle.unit.Echo"],
  ]);
  const json = await runCli(["ps", "heddle.unit.Echo", "--json", "--registry", plane.address]);
  assert.deepEqual(JSON.parse(json.stdout), {
    instances: [
      {
        service: "echo",
        instance: "echo-1",
        address: server.address,
        contracts: ["heddle.unit.Echo"],
        contractHash,
        version: "2",
        zone: "a",
        draining: false,
        state: "ready",
      },
    ],
  });
  const filters = [
    ["other"],
    ["--zone", "b"],
    ["--version", "1"],
    ["--contract", "x.Y"],
    ["--label", "k=v"],
    ["--zone", "a", "--version", "2", "--contract", "heddle.unit.Echo", "--healthy"],
  ];
  const counts = await Promise.all(
    filters.map(async (filter) => {
      const { stdout } = await runCli(["ps", ...filter, "--json", "--registry", plane.address]);
      return (JSON.parse(stdout) as { instances: unknown[] }).instances.length;
    }),
  );
  assert.deepEqual(counts, [0, 0, 0, 0, 0, 1]);
});

test("without a control plane ps is exit code 3, with the next command", async () => {
  const { code, stdout, stderr } = await runCli(["ps", "--registry", "127.0.0.1:1"]);
  assert.deepEqual([code, stdout], [3, ""]);
  assert.match(
    stderr,
    /registry 127\.0\.0\.1:1 cannot be reached: connect \S+ 127\.0\.0\.1:1 \(HDL-2501\)\nnext: .*heddle control/,
  );
});

test("control says where it listens, and ends on a signal with 0; a taken address is exit code 1", async () => {
  const { child, output, ended } = startCli(["control", "--listen", "127.0.0.1:0"]);
  await until(() => output.stderr.includes("registry at ") || child.exitCode !== null);
  const address = /registry at (\S+)/.exec(output.stderr)?.[1] ?? "";
  const second = await runCli(["control", "--listen", address]);
  assert.deepEqual([second.code, second.stdout], [1, ""]);
  assert.match(second.stderr, /HDL-1004[\s\S]*next: /);
  child.kill("SIGTERM");
  assert.equal((await ended).code, 0);
});

test("control with a folder remembers, and ps shows what is static, draining and remembered", async () => {
  const folder = await mkdtemp(join(tmpdir(), "heddle-control-"));
  const started: ReturnType<typeof startCli>["child"][] = [];
  const start = async () => {
    const run = startCli(["control", "--listen", "127.0.0.1:0", "--data", folder]);
    started.push(run.child);
    await until(() => run.output.stderr.includes("registry at ") || run.child.exitCode !== null);
    return { ...run, address: /registry at (\S+)/.exec(run.output.stderr)?.[1] ?? "" };
  };
  const states = async (address: string) => {
    const { stdout } = await runCli(["ps", "--json", "--registry", `heddle://${address}`]);
    const { instances } = JSON.parse(stdout) as { instances: { instance: string; state: string }[] };
    return instances.map(({ instance, state }) => `${instance} ${state}`);
  };
  try {
    const first = await start();
    const mesh = await createMesh({
      service: "echo",
      instance: "echo-1",
      registry: first.address,
      stateFolder: false,
      shutdownSignals: [],
      onWarning: () => {},
    });
    await (await mesh.serve(implement(Echo, {}))).registered;
    await using admin = createTransport({ target: first.address });
    const client = createClient(RegistryAdminService, admin);
    for (const id of ["db-1", "db-2"])
      await client.putStaticInstance({ instance: { id, service: "db", address: "10.0.0.1:5432" } });
    await client.drainInstance({ id: "db-2" });
    assert.deepEqual(await states(first.address), ["db-1 static", "db-2 draining", "echo-1 ready"]);
    first.child.kill("SIGTERM");
    assert.equal((await first.ended).code, 0);
    await mesh.close();
    const second = await start();
    assert.deepEqual(await states(second.address), ["db-1 static", "db-2 draining", "echo-1 remembered"]);
    second.child.kill("SIGTERM");
    await second.ended;
    const both = await runCli(["control", "--data", folder, "--store", "etcd://127.0.0.1"]);
    assert.deepEqual([both.code, /store.*it replaces data/.test(both.stderr)], [2, true]);
  } finally {
    for (const child of started) child.kill("SIGKILL");
    await rm(folder, { recursive: true });
  }
});

test("ps asks nobody but a control plane of Heddle", async () => {
  const { code, stderr } = await runCli(["ps", "--registry", "consul://127.0.0.1"]);
  assert.equal(code, 2);
  assert.match(
    stderr,
    /^heddle ps: it asks a control plane of Heddle, not consul:\/\/\nnext: .*--registry host:port/,
  );
});
