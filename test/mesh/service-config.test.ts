/** Service configs from the control plane and from a file, followed by clients that run. */
import "../kit/trap.ts";
import { Code, ConnectError, createMesh, isHeddleError, type Mesh } from "heddle";
import { startControlPlane } from "heddle/control";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { startInstance } from "../kit/processes.ts";
import { startEcho } from "../kit/running.ts";
import { outcomeOf, until } from "../kit/within.ts";

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "heddle-config-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Sets, or deletes, over plain HTTP as curl does. */
async function admin(address: string, method: string, request: object): Promise<void> {
  const url = `http://${address}/heddle.registry.v1.RegistryAdminService/${method}`;
  const headers = { "content-type": "application/json" };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(request) });
  assert.equal(response.status, 200, await response.text());
}

const ECHO = "heddle.test.v1.EchoService";
const timeout = (timeoutMs: number) => ({
  methods: [{ names: [{ service: ECHO, method: "Unary" }], timeoutMs }],
});

/** Whether a call that takes 200 ms has enough time. */
async function fits(mesh: Mesh): Promise<boolean> {
  const outcome = await outcomeOf(mesh.client(EchoService).unary({ plan: { delayMs: 200 } }));
  if ("value" in outcome) return true;
  assert.equal(ConnectError.from(outcome.error).code, Code.DeadlineExceeded);
  return false;
}

test("a time that is set in the control plane holds for running clients within a second, and calls under way keep theirs", async (t) => {
  await using plane = await startControlPlane({ listen: "127.0.0.1:0" });
  await startInstance(t, "a", plane.address);
  await using mesh = await createMesh({ registry: plane.address, stateFolder: false });
  assert.ok(await fits(mesh));
  const underWay = mesh.client(EchoService).unary({ plan: { delayMs: 1500 } });
  await admin(plane.address, "SetServiceConfig", { name: ECHO, config: timeout(50) });
  await until(() => mesh.channels()[0]?.serviceConfig !== undefined, "the new config", 1000);
  assert.equal(await fits(mesh), false);
  await admin(plane.address, "SetServiceConfig", {
    name: ECHO,
    config: {
      methodConfig: [{ name: [{ service: ECHO }], timeout: "5s" }],
      loadBalancingConfig: [{ round_robin: {} }],
    },
  });
  await until(
    () => mesh.channels()[0]?.serviceConfig?.config.balancer === "round_robin",
    "gRPC's form",
    1000,
  );
  assert.ok(await fits(mesh));
  await admin(plane.address, "SetServiceConfig", { name: "*", config: timeout(50) });
  await admin(plane.address, "DeleteServiceConfig", { name: ECHO });
  await until(() => mesh.channels()[0]?.serviceConfig?.config.balancer === undefined, "that of *", 1000);
  assert.equal(await fits(mesh), false);
  await underWay;
});

test("a process that starts while no control plane answers has the config that was saved", async (t) => {
  const stateFolder = temporaryFolder(t);
  const server = await startEcho(t);
  const plane = await startControlPlane({ listen: "127.0.0.1:0", warmUpMs: 1 });
  await admin(plane.address, "PutStaticInstance", {
    instance: { id: "echo", service: "echo", address: server.address, contracts: [ECHO] },
  });
  await admin(plane.address, "SetServiceConfig", { name: ECHO, config: timeout(50) });
  const options = { registry: plane.address, stateFolder, onWarning: () => {} };
  {
    await using first = await createMesh(options);
    assert.ok(await first.client(EchoService).unary({}));
    await until(() => first.discovery()[0]?.complete === true, "a complete set");
  }
  await plane.close();
  await using second = await createMesh(options);
  assert.ok(await second.client(EchoService).unary({}));
  assert.equal(await fits(second), false);
  assert.deepEqual(second.channels()[0]?.serviceConfig, { from: "control plane", config: timeout(50) });
});

test("a file goes before the control plane, is followed while it is edited, and survives a broken edit", async (t) => {
  const path = join(temporaryFolder(t), "configs.yaml");
  const write = (timeoutMs: number | string) =>
    writeFileSync(path, `services:\n  ${ECHO}:\n    methods:\n      - timeoutMs: ${timeoutMs}\n`);
  write(50);
  await using plane = await startControlPlane({ listen: "127.0.0.1:0" });
  await startInstance(t, "a", plane.address);
  await admin(plane.address, "SetServiceConfig", { name: ECHO, config: { balancer: "random" } });
  const warnings: string[] = [];
  await using mesh = await createMesh({
    registry: plane.address,
    stateFolder: false,
    serviceConfigFile: path,
    onWarning: (message) => void warnings.push(message),
  });
  assert.equal(await fits(mesh), false);
  const inUse = () => mesh.channels()[0]?.serviceConfig;
  assert.deepEqual(inUse(), { from: "file", config: { methods: [{ timeoutMs: 50 }] } });
  write(5000);
  await until(() => inUse()?.config.methods?.[0]?.timeoutMs === 5000, "the edit");
  assert.ok(await fits(mesh));
  write("soon");
  await until(() => warnings.some((warning) => warning.includes('not "soon"')), "a warning");
  assert.ok(await fits(mesh));
  writeFileSync(path, "services: {}\n");
  await until(() => inUse()?.from === "control plane", "what the control plane says");
});

test("HEDDLE_SERVICE_CONFIG names the file, and one that is wrong ends the start", async (t) => {
  const path = join(temporaryFolder(t), "configs.json");
  process.env["HEDDLE_SERVICE_CONFIG"] = path;
  t.after(() => delete process.env["HEDDLE_SERVICE_CONFIG"]);
  writeFileSync(path, JSON.stringify({ services: { "*": { balancer: "random" } } }));
  const server = await startEcho(t);
  await using mesh = await createMesh({ registry: false });
  await mesh.client(EchoService, { target: server.address }).unary({});
  assert.deepEqual(mesh.channels()[0]?.serviceConfig, { from: "file", config: { balancer: "random" } });
  writeFileSync(path, JSON.stringify({ services: { "*": { balancer: "randum" } } }));
  await assert.rejects(
    createMesh({ registry: false }),
    (error) => isHeddleError(error) && error.heddleCode === "HDL-1008",
  );
});
