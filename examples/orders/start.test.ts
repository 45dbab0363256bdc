/** `npm start` as a person runs it: its exit codes, its report, and that nothing is left behind. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const START = fileURLToPath(new URL("start.ts", import.meta.url));
const PLACE_ORDER = fileURLToPath(new URL("place-order.ts", import.meta.url));

interface Run {
  readonly process: ChildProcess;
  readonly output: string;
  /** Resolves with the match when standard output and error together contain it. */
  shows(pattern: RegExp): Promise<RegExpExecArray>;
}

/** It is killed at the end of the test if it still runs; its own children then end by themselves. */
function run(t: TestContext, file: string, ...args: string[]): Run {
  const folder = mkdtempSync(join(tmpdir(), "heddle-start-"));
  const child = spawn(process.execPath, [file, ...args], {
    // What a killed run leaves is the temporary folder.
    env: { ...process.env, TMPDIR: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.after(() => {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });
  let output = "";
  const onText = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      for (const look of onText) look();
    });
  }
  return {
    process: child,
    get output() {
      return output;
    },
    shows: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(output);
          if (match === null) return;
          onText.delete(look);
          resolve(match);
        };
        onText.add(look);
        child.once("close", () => reject(new Error(`it ended without showing ${pattern}:\n${output}`)));
        look();
      }),
  };
}

function childrenOf(pid: number): number[] {
  const lines = execFileSync("ps", ["-A", "-o", "pid=,ppid=,args="], { encoding: "utf8" }).split("\n");
  const rows = lines.map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line)).filter((row) => row !== null);
  return rows
    .filter(([, , parent, args]) => Number(parent) === pid && /orders\/src/.test(args ?? ""))
    .map(([, id]) => Number(id));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function allGone(pids: readonly number[]): Promise<void> {
  const giveUp = AbortSignal.timeout(10_000);
  while (pids.some(isAlive)) {
    giveUp.throwIfAborted();
    await delay(5);
  }
}

test("npm start -- --exit ends with 0: an instance was killed, no order failed, the books balance", async (t) => {
  const start = run(t, START, "--exit", "--orders", "200");
  await start.shows(/processes are up/);
  const children = childrenOf(start.process.pid ?? 0);
  assert.equal(children.length, 9);
  const [code] = await once(start.process, "close");
  assert.equal(code, 0, start.output);
  assert.match(start.output, /failed +0\n/);
  assert.match(start.output, /inventory-1 gets SIGKILL at order [\d,]+/);
  assert.match(start.output, /it is back, [\d.]+ s after the kill/);
  assert.match(start.output, /✓ stock .*\n.*✓ charges .*\n.*✓ notifications .*\n {2}books balance\n/);
  const widest = Math.max(...start.output.split("\n").map((line) => line.length));
  assert.ok(widest <= 100, `the widest line has ${widest} columns`);
  assert.ok(!start.output.includes("\x1b"), "no colours where nobody sees them");
  await allGone(children);
});

test("a registry in a folder does as well: nobody serves it, and an instance that died is dropped", async (t) => {
  const start = run(t, START, "--exit", "--orders", "100", "--registry", "file");
  const [code] = await once(start.process, "close");
  assert.equal(code, 0, start.output);
  assert.match(start.output, /found through file:\/\/\S+, started for this run\n/);
  assert.match(start.output, /failed +0\n/);
  assert.match(start.output, /the registry drops it/);
});

test("a registry that cannot be used is refused before anything starts", async (t) => {
  for (const [registry, reason] of [
    ["etdc", /"etdc" is neither a URL nor one of heddle, file, etcd, /],
    ["dns://127.0.0.1:53/svc.test", /services don't register in dns:\/\/.*; try dns/],
    ["etcdd://127.0.0.1:1", /no kind of registry "etcdd".*did you mean etcd\?/],
    ["etcd://127.0.0.1:1?tlt=3", /etcd:\/\/ has no option "tlt"/],
    ["zookeeper://127.0.0.1:1", /connect ECONNREFUSED 127\.0\.0\.1:1/],
    ["127.0.0.1:1", /connect ECONNREFUSED 127\.0\.0\.1:1/],
  ] as const) {
    const start = run(t, START, "--registry", registry);
    assert.deepEqual(await once(start.process, "close"), [2, null]);
    assert.match(start.output, reason);
    assert.equal(start.output.trim().split("\n").length, 1);
  }
  const misspelled = run(t, START, "--registy", "file");
  assert.deepEqual(await once(misspelled.process, "close"), [2, null]);
  assert.match(misspelled.output, /^Unknown option '--registy'.*--registry <kind or URL>\n$/);
});

test("it stays up for one more order, and Ctrl-C drains everything and exits 0", async (t) => {
  const start = run(t, START, "--orders", "100");
  const [, registry = "", url = ""] = await start.shows(
    /npm run order -- --registry (\S+) --sku mug --quantity 2\n[^]*at (http:\S+)\/docs for people\. Ctrl-C/,
  );
  const children = childrenOf(start.process.pid ?? 0);
  assert.equal(children.length, 9);

  const order = run(t, PLACE_ORDER, "--registry", registry, "--sku", "mug", "--quantity", "2");
  assert.deepEqual(await once(order.process, "close"), [0, null], order.output);
  assert.match(order.output, /placed order \S+: 2 mug for \$25\.00\n/);
  assert.match(order.output, /answered by order-[12] in /);
  const refused = run(t, PLACE_ORDER, "--registry", registry, "--card", "4000 0000 0000 0002");
  assert.deepEqual(await once(refused.process, "close"), [1, null]);
  assert.match(refused.output, /declined: insufficient funds/);

  for (const [, args = ""] of start.output.matchAll(/^ {2}(curl .*?(?: \\\n.*)?)$/gm)) {
    const answer = execFileSync("sh", ["-c", args.replace("curl", "curl -sSf")], { encoding: "utf8" });
    assert.match(answer, /"(id|orders|levels)":/, args);
  }
  assert.match(await (await fetch(`${url}/docs`)).text(), /Places an order/);

  start.process.kill("SIGINT");
  assert.deepEqual(await once(start.process, "close"), [0, null], start.output);
  await allGone(children);
});

test("Ctrl-C in the middle of the burst ends everything too, and says so with its exit code", async (t) => {
  const start = run(t, START, "--orders", "100000");
  await start.shows(/\d orders, /);
  const children = childrenOf(start.process.pid ?? 0);
  start.process.kill("SIGINT");
  assert.deepEqual(await once(start.process, "close"), [130, null], start.output);
  await allGone(children);
});

test("when start itself is killed its processes end by themselves", async (t) => {
  const start = run(t, START, "--orders", "100000");
  await start.shows(/processes are up/);
  const children = childrenOf(start.process.pid ?? 0);
  assert.equal(children.length, 9);
  start.process.kill("SIGKILL");
  await once(start.process, "close");
  await allGone(children);
});
