/** Files as a registry, without the loops: what is written is seen, what is broken keeps what it said, what died goes. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rename, rm, symlink, unlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { createRuntime, systemRuntime } from "../../runtime/runtime.ts";
import { createVirtualTime } from "../../runtime/virtual-time.ts";
import { createEndpoint, type Endpoint } from "../endpoint.ts";
import { type Hold, RegistrationRefused } from "../holder.ts";
import type { SourceUpdate } from "../source.ts";
import { parseTarget } from "../target.ts";
import { createCatalog } from "./catalog.ts";
import { createFileHolder, fileNameOf } from "./file-holder.ts";
import { createFileSource } from "./file-source.ts";
import { readRegularFile } from "./read-regular-file.ts";

async function until(what: string, condition: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 30_000; !condition(); await delay(2))
    assert.ok(performance.now() < deadline, `timed out: ${what}`);
}

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "heddle-file-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Follows a name from now on. */
function follow(
  t: TestContext,
  path: string,
  name: string,
  { pollMs = 60_000, runtime = systemRuntime } = {},
) {
  const warnings: string[] = [];
  const controller = new AbortController();
  const catalogAt = (file: string) =>
    createCatalog({ path: file, pollMs, runtime, onWarning: (message) => warnings.push(message) });
  const source = createFileSource({ catalog: catalogAt(path), catalogAt, silenceMs: 1 });
  const updates: SourceUpdate[] = [];
  const state = {
    addresses: [] as readonly string[],
    complete: true,
    snapshots: 0,
    error: undefined as unknown,
  };
  const ended = (async () => {
    try {
      for await (const update of source.open(parseTarget(name), controller.signal)) {
        updates.push(update);
        if (update.kind !== "snapshot") continue;
        state.snapshots++;
        state.addresses = update.endpoints.map(({ address }) => address);
        state.complete = update.complete ?? true;
      }
    } catch (error) {
      state.error = error;
    }
  })();
  const stop = async () => {
    controller.abort();
    await ended;
  };
  t.after(stop);
  const sees = (...addresses: readonly string[]) =>
    until(
      `${name} is ${addresses.join(",")}, not ${state.addresses.join(",")}`,
      () => state.snapshots > 0 && state.addresses.toSorted().join() === addresses.join(),
    );
  return { state, updates, warnings, stop, sees, ended };
}

const services = (...addresses: readonly string[]) => JSON.stringify({ services: { orders: addresses } });

async function replace(path: string, text: string): Promise<void> {
  await writeFile(`${path}.tmp`, text);
  await rename(`${path}.tmp`, path);
}

test("a file is followed through writes, replacements and mistakes", async (t) => {
  const path = join(await temporaryFolder(t), "services.json");
  await writeFile(path, services("a:1"));
  const watch = follow(t, path, "file:///orders");
  await watch.sees("a:1");
  await replace(path, services("a:1", "b:2"));
  await watch.sees("a:1", "b:2");
  await writeFile(path, '{ "services": { "orders": ["b:2", "c"] } }');
  await until("it is told", () => watch.warnings.length > 0);
  assert.match(
    watch.warnings.join("\n"),
    /services\.json:1: services\.orders\[1\]: .*what it said before holds/,
  );
  assert.deepEqual(watch.state.addresses, ["a:1", "b:2"]);
  await replace(path, services("c:3"));
  await watch.sees("c:3");
  assert.equal(watch.state.error, undefined);
});

test("a file that goes away is a registry that cannot be reached, and says nothing of its instances", async (t) => {
  const path = join(await temporaryFolder(t), "services.json");
  await writeFile(path, services("a:1"));
  const watch = follow(t, path, "file:///orders");
  await watch.sees("a:1");
  await unlink(path);
  await until("the attempt ends", () => watch.state.error !== undefined);
  assert.equal((watch.state.error as NodeJS.ErrnoException).code, "ENOENT");
  assert.equal(watch.state.snapshots, 1);
});

test("a file that was never understood is an error with the line", async (t) => {
  const path = join(await temporaryFolder(t), "services.yaml");
  await writeFile(path, "services:\n  orders:\n    - address: nowhere\n");
  const watch = follow(t, path, "file:///orders");
  await watch.ended;
  assert.match(
    String(watch.state.error),
    /services\.yaml:3: services\.orders\[0\]\.address: "nowhere": it is not host:port/,
  );
});

test("the files of a folder are one registry, and one that is broken from the start leaves it incomplete", async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, "a.json"), services("a:1"));
  await writeFile(join(folder, "b.yaml"), "services:\n  orders: [b:2]\n  other: [x:1]\n");
  await writeFile(join(folder, ".c.json.swp"), "not ours");
  const watch = follow(t, folder, "file:///orders");
  await watch.sees("a:1", "b:2");
  assert.equal(watch.state.complete, true);
  await writeFile(join(folder, "c.json"), "{");
  await until("incomplete", () => !watch.state.complete);
  await replace(join(folder, "c.json"), services("c:3"));
  await watch.sees("a:1", "b:2", "c:3");
  assert.equal(watch.state.complete, true);
  await unlink(join(folder, "a.json"));
  await watch.sees("b:2", "c:3");
});

test("links that are swapped, as Kubernetes does with the files of a volume, are followed", async (t) => {
  const folder = await temporaryFolder(t);
  for (const [version, address] of [
    ["..1", "a:1"],
    ["..2", "b:2"],
  ] as const) {
    await mkdir(join(folder, version));
    await writeFile(join(folder, version, "services.json"), services(address));
  }
  await symlink("..1", join(folder, "..data"));
  await symlink("..data/services.json", join(folder, "services.json"));
  const ofFile = follow(t, join(folder, "services.json"), "file:///orders");
  const ofFolder = follow(t, folder, "file:///orders");
  await Promise.all([ofFile.sees("a:1"), ofFolder.sees("a:1")]);
  await symlink("..2", join(folder, "..data_tmp"));
  await rename(join(folder, "..data_tmp"), join(folder, "..data"));
  await Promise.all([ofFile.sees("b:2"), ofFolder.sees("b:2")]);
});

test("what the system does not tell is found by looking, and looking shows that the registry is alive", async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, "services.json");
  const behind = join(await temporaryFolder(t), "behind.json");
  await writeFile(behind, services("a:1"));
  await symlink(behind, path);
  const watch = follow(t, path, "file:///orders", { pollMs: 20 });
  await watch.sees("a:1");
  await until("signs of life", () => watch.updates.filter(({ kind }) => kind === "alive").length > 2);
  // The folder that is watched does not change.
  await writeFile(behind, services("a:1", "b:2"));
  await watch.sees("a:1", "b:2");
});

test("a target may bring its own file", async (t) => {
  const path = join(await temporaryFolder(t), "services.json");
  await writeFile(path, services("a:1"));
  const watch = follow(t, "/nowhere", `file://${path}?service=orders`);
  await watch.sees("a:1");
});

/** Holds an instance as the registration loop would. */
function register(
  t: TestContext,
  folder: string,
  fields: Partial<Endpoint>,
  options: { incarnation?: bigint; runtime?: typeof systemRuntime } = {},
) {
  const { incarnation = 1n, runtime = systemRuntime } = options;
  const holder = createFileHolder({ folder, ttlMs: 15_000, incarnation, runtime });
  const controller = new AbortController();
  const registered = Promise.withResolvers<void>();
  let changed = Promise.withResolvers<void>();
  const hold = {
    instance: createEndpoint({ service: "orders", address: "a:1", ...fields }),
    signal: controller.signal,
    registered: () => registered.resolve(),
    next(ms: number) {
      const due = Promise.withResolvers<"changed" | "due">();
      runtime.timers.after(ms, () => due.resolve("due"));
      void changed.promise.then(() => due.resolve("changed"));
      controller.signal.addEventListener("abort", () => due.reject(controller.signal.reason));
      return due.promise;
    },
  };
  const held = holder.hold(hold as Hold).catch((error: unknown) => {
    registered.reject(error);
    return error;
  });
  t.after(() => controller.abort());
  return {
    holder,
    registered: registered.promise,
    held,
    instance: () => hold.instance,
    update(change: Partial<Endpoint>) {
      hold.instance = { ...hold.instance, ...change };
      const before = changed;
      changed = Promise.withResolvers();
      before.resolve();
    },
    kill: () => controller.abort(),
    release: () => holder.release(hold.instance, AbortSignal.timeout(1_000)),
  };
}

test("an instance is registered, found by its contract, changed, and released by its owner only", async (t) => {
  const folder = join(await temporaryFolder(t), "made", "when-needed");
  const one = register(t, folder, { id: "orders/1", contracts: ["shop.v1.OrderService"] });
  await one.registered;
  assert.deepEqual(await readdir(folder), ["orders%2F1.json"]);
  const watch = follow(t, folder, "file:///shop.v1.OrderService");
  await watch.sees("a:1");
  const two = register(t, folder, { id: "orders-2", address: "b:2", contracts: ["shop.v1.OrderService"] });
  await two.registered;
  await until("both", () => watch.state.addresses.toSorted().join() === "a:1,b:2");
  two.update({ address: "b:3" });
  await until("changed", () => watch.state.addresses.toSorted().join() === "a:1,b:3");

  const newer = register(t, folder, { id: "orders/1", address: "a:9" }, { incarnation: 2n });
  await newer.registered;
  one.update({ weight: 5 });
  assert.match(String(await one.held), /a newer incarnation of orders\/1 is registered/);
  await one.release();
  assert.equal((await readdir(folder)).length, 2);
  await newer.release();
  assert.deepEqual(await readdir(folder), ["orders-2.json"]);
  await watch.sees("b:3");
});

test("an instance that no longer touches its file is gone after its time to live, and comes back when it wakes", async (t) => {
  const folder = await temporaryFolder(t);
  const time = createVirtualTime(Date.now());
  const runtime = createRuntime({ clock: time, timers: time });
  const living = register(t, folder, { id: "living", address: "b:2" }, { runtime });
  const dying = register(t, folder, { id: "dying", address: "a:1" }, { runtime });
  await Promise.all([living.registered, dying.registered]);
  const watch = follow(t, folder, "file:///orders", { runtime, pollMs: 1_000 });
  await watch.sees("a:1", "b:2");
  dying.kill();
  await dying.held;
  /** Lets virtual time pass, with real time for what the disk does. */
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 250) {
      time.advance(250);
      await delay(2);
    }
  };
  await pass(14_000);
  assert.deepEqual(watch.state.addresses.toSorted(), ["a:1", "b:2"]);
  await pass(3_000);
  await watch.sees("b:2");
  await pass(20_000);
  assert.deepEqual(watch.state.addresses, ["b:2"]);
  const late = new Date(time.wallMs());
  await utimes(join(folder, "dying.json"), late, late);
  await pass(1_500);
  await watch.sees("a:1", "b:2");

  // A reader that starts now can only compare wall clocks.
  await pass(20_000);
  const fresh = follow(t, folder, "file:///orders", { runtime, pollMs: 1_000 });
  await pass(500);
  await fresh.sees("b:2");
});

test("a folder that may not be written refuses the instance", async (t) => {
  const file = join(await temporaryFolder(t), "file");
  await writeFile(file, "");
  const refused = register(t, join(file, "folder"), {});
  await assert.rejects(refused.registered, RegistrationRefused);
});

test("no id can leave the folder or hide in it", () => {
  const long = fileNameOf("x".repeat(500));
  assert.ok(long.length <= 210 && long !== fileNameOf(`${"x".repeat(499)}y`));
  assert.equal(fileNameOf("../../etc/passwd"), "%2E.%2F..%2Fetc%2Fpasswd.json");
  assert.equal(fileNameOf(".hidden"), "%2Ehidden.json");
  assert.equal(fileNameOf("~mine"), "%7Emine.json", "a name that begins so is an editor's");
  assert.equal(fileNameOf("orders@10.0.0.1:4001"), "orders%4010.0.0.1%3A4001.json");
});

test("a FIFO in the place of an instance's file is replaced, and holds nothing up", async (t) => {
  const folder = await temporaryFolder(t);
  // As many as Node has threads for files, and one more.
  const ids = ["a", "b", "c", "d", "e"];
  for (const id of ids) execFileSync("mkfifo", [join(folder, fileNameOf(id))]);
  await writeFile(join(folder, "there.json"), JSON.stringify({ services: { orders: ["z:1"] } }));
  await symlink("/dev/zero", join(folder, "device.json"));
  const watch = follow(t, folder, "file:///orders");
  await watch.sees("z:1");
  const registered = ids.map(
    (id, index) => register(t, folder, { id, address: `${id}:${index + 1}` }).registered,
  );
  await Promise.all(registered);
  await watch.sees("a:1", "b:2", "c:3", "d:4", "e:5", "z:1");
  await assert.rejects(readRegularFile("/dev/zero", 10), /no regular file/);
  await writeFile(join(folder, "large"), "12345678901");
  await assert.rejects(readRegularFile(join(folder, "large"), 10), /larger than 10 bytes/);
});
