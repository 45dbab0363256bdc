/** A service config file that people edit while it is watched. */
import assert from "node:assert/strict";
import { mkdtemp, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { isHeddleError } from "../call/errors.ts";
import { until } from "../connection/scripted-peer.test.ts";
import { configFor, type ServiceConfigSet } from "../policy/parse-service-configs.ts";
import { systemRuntime } from "../runtime/runtime.ts";
import { openServiceConfigFile } from "./service-config-file.ts";

async function createWorld(t: TestContext, name: string, text: string) {
  const folder = await mkdtemp(join(tmpdir(), "heddle-config-"));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, name);
  await writeFile(path, text);
  const told: ServiceConfigSet[] = [];
  const warnings: string[] = [];
  const open = async () => {
    const file = await openServiceConfigFile({
      path,
      runtime: systemRuntime,
      onChange: (configs) => void told.push(configs),
      onWarning: (message) => void warnings.push(message),
    });
    t.after(() => file[Symbol.dispose]());
    return file;
  };
  return { folder, path, told, warnings, open, write: (changed: string) => writeFile(path, changed) };
}

const yaml = (timeoutMs: number | string) =>
  `services:\n  shop.v1.Orders:\n    methods:\n      - timeoutMs: ${timeoutMs}\n  "*":\n    balancer: random\n`;
const timeoutOf = (configs: ServiceConfigSet | undefined) =>
  configs && configFor(configs, "shop.v1.Orders")?.methods?.[0]?.timeoutMs;

test("what is written is told, by name, with one for all others", async (t) => {
  const { open, told, write } = await createWorld(t, "configs.yaml", yaml(10));
  const { configs } = await open();
  assert.equal(timeoutOf(configs), 10);
  assert.deepEqual(configFor(configs, "anything"), { balancer: "random" });
  await write(yaml(20));
  await until(() => timeoutOf(told.at(-1)) === 20, "the edit");
});

test("a broken edit is a warning with line and place, and takes nothing away", async (t) => {
  const { open, told, warnings, write, path } = await createWorld(t, "configs.yml", yaml(10));
  const file = await open();
  await write(yaml("soon"));
  await until(() => warnings.length > 0, "a warning");
  assert.equal(
    warnings.at(-1),
    `service config of ${path}:4 is not valid: services["shop.v1.Orders"].methods[0].timeoutMs: it must be a number (ms) from 0 to 2592000000, not "soon"; what was in use before stays so`.replace(
      "; what",
      " (HDL-1008); what",
    ),
  );
  await write("services: [");
  await until(() => warnings.some((warning) => !warning.includes("soon")), "another");
  await unlink(path);
  await until(() => warnings.some((warning) => /cannot be read/.test(warning)), "it is gone");
  assert.deepEqual([told.length, timeoutOf(file.configs)], [0, 10]);
  await write(yaml(30));
  await until(() => timeoutOf(file.configs) === 30, "mended");
});

test("a file that is replaced, by a rename or behind a link, is followed", async (t) => {
  const { open, folder } = await createWorld(t, "configs.json", JSON.stringify({ services: {} }));
  const [first, second] = [join(folder, "1.json"), join(folder, "2.json")];
  await writeFile(first, JSON.stringify({ services: { "shop.v1.Orders": { methods: [{ timeoutMs: 1 }] } } }));
  await writeFile(
    second,
    JSON.stringify({ services: { "shop.v1.Orders": { methods: [{ timeoutMs: 2 }] } } }),
  );
  const file = await open();
  await rename(first, join(folder, "configs.json"));
  await until(() => timeoutOf(file.configs) === 1, "the rename");
  await symlink(second, join(folder, "link"));
  await rename(join(folder, "link"), join(folder, "configs.json"));
  await until(() => timeoutOf(file.configs) === 2, "the link");
});

test("at the start it must be right", async (t) => {
  const reasonOf = (promise: Promise<unknown>) =>
    promise.then(
      () => "none",
      (error: unknown) => (isHeddleError(error) ? error.reason : String(error)),
    );
  const { open, write, path } = await createWorld(t, "configs.json", "{");
  assert.equal(await reasonOf(open()), "serviceConfigInvalid");
  await write(JSON.stringify({ methods: [] }));
  await assert.rejects(open(), /methods: there is no such field.*a config stands under services/);
  await unlink(path);
  assert.equal(await reasonOf(open()), "optionInvalid");
});
