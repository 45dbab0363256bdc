import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { isHeddleError } from "../../call/errors.ts";
import { createRuntime } from "../../runtime/runtime.ts";
import { createVirtualTime } from "../../runtime/virtual-time.ts";
import { createEndpoint } from "../endpoint.ts";
import { createRegistrationLoop } from "../register/registration-loop.ts";
import { createReadinessHolder } from "./readiness.ts";

function start(t: TestContext, name: string | undefined = "ready") {
  const folder = mkdtempSync(join(tmpdir(), "heddle-ready-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, name);
  const time = createVirtualTime();
  const holder = createReadinessHolder({ file });
  const runtime = createRuntime({ clock: time, timers: time });
  const loop = createRegistrationLoop(holder, { runtime, onEvent: () => {} });
  return { ...holder, file, time, loop };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

const orders = createEndpoint({ id: "orders-1", address: "10.0.0.1:4001", service: "orders" });
const refunds = createEndpoint({ id: "refunds-1", address: "10.0.0.1:4002", service: "refunds" });

test("the file is there from registering until draining or disposal", { timeout: 10_000 }, async (t) => {
  const { file, loop, readiness } = start(t);
  const changes: boolean[] = [];
  using _ = readiness.onChange((isReady) => changes.push(isReady));
  assert.deepEqual([readiness.isReady, existsSync(file)], [false, false]);
  const registration = loop.register(orders);
  await registration.registered;
  assert.deepEqual([readiness.isReady, existsSync(file)], [true, true]);
  registration.update({ draining: true });
  await until(() => !existsSync(file));
  assert.equal(readiness.isReady, false);
  registration.update({ draining: false });
  await until(() => existsSync(file));
  registration.update({ health: "unhealthy" });
  await until(() => !existsSync(file));
  registration.update({ health: "unknown" });
  await until(() => existsSync(file));
  await registration[Symbol.asyncDispose]();
  assert.deepEqual([readiness.isReady, existsSync(file)], [false, false]);
  assert.deepEqual(changes, [true, false, true, false, true, false]);
});

test("a process is ready when all that it serves is", { timeout: 10_000 }, async (t) => {
  const { file, loop, readiness } = start(t);
  const first = loop.register(orders);
  const second = loop.register(refunds);
  await Promise.all([first.registered, second.registered]);
  second.update({ draining: true });
  await until(() => !readiness.isReady);
  await second[Symbol.asyncDispose]();
  assert.deepEqual([readiness.isReady, existsSync(file)], [true, true]);
  await loop[Symbol.asyncDispose]();
  assert.equal(existsSync(file), false);
});

test("the file is written again from time to time, and one from a former life goes at once", {
  timeout: 10_000,
}, async (t) => {
  const { file, loop, time } = start(t);
  const registration = loop.register(orders);
  await registration.registered;
  rmSync(file);
  time.advance(10_000);
  await until(() => existsSync(file));

  writeFileSync(file, "ready\n");
  createReadinessHolder({ file });
  await until(() => !existsSync(file));
});

test("a file that can't be written refuses the registration", async (t) => {
  const { loop } = start(t, "missing/ready");
  const registration = loop.register(orders);
  await assert.rejects(registration.registered, (error: Error) => {
    assert.ok(isHeddleError(error) && error.reason === "registrationRefused");
    assert.match(error.message, /readinessFile .*missing\/ready cannot be written \(ENOENT\)/);
    return true;
  });
});
