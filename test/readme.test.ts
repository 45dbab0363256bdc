/**
 * Runs the README. Its `console` blocks marked `<!-- run -->` are typed in as they stand, in order, and must print
 * what stands below each command. What differs from run to run (numbers, ports, instance names) is compared by
 * its shape; a line with `…` stands for any lines. An address that stands in a line of output is from then on the one
 * that was printed there, in commands too. A command that ends in `&` stays, and `kill %n` ends it, as
 * in a shell. Three things differ from a terminal: the registry listens on a port of the test's own, tools are
 * started without `npx`, and `npm` scripts without npm and its set-up step, which has run before the tests.
 * Blocks marked `<!-- run: real -->` are for `npm run test:real`, which runs no others.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { freePort } from "./kit/free-ports.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const readme = await readFile(join(root, "README.md"), "utf8");
const mark = process.env["HEDDLE_TEST_REAL"] === "1" ? "run: real" : "run";
const blocks = [
  ...readme.matchAll(new RegExp(`<!-- ${mark} -->\n\`\`\`console\n([\\s\\S]*?)\n\`\`\``, "g")),
].map(([, text = ""]) => readBlock(text));

/** Jobs of the whole README, in the order they were started: `%1` is the first. */
const jobs: Job[] = [];
/** Addresses as the README has them, and those in their place. */
const addresses = new Map<string, string>();
const ADDRESS = /\b127\.0\.0\.1:\d+/g;
let registry: string;
let stateFolder: string;
let scripts: Record<string, string>;

before(async () => {
  registry = `127.0.0.1:${await freePort()}`;
  stateFolder = await mkdtemp(join(tmpdir(), "heddle-readme-"));
  ({ scripts } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  });
});

after(async () => {
  await Promise.all(jobs.map((job) => job.stop("SIGTERM")));
  await rm(stateFolder, { recursive: true, force: true });
});

test("the README has blocks to run", () => assert.ok(blocks.length >= 1));

for (const [number, steps] of blocks.entries()) {
  test(`block ${number + 1} of the README runs and prints what it says`, { timeout: 60_000 }, async () => {
    for (const { command, expected } of steps) await type(command, expected);
  });
}

interface Step {
  readonly command: string;
  readonly expected: readonly string[];
}

function readBlock(text: string): Step[] {
  const [, ...steps] = text.split(/^\$ /m);
  return steps.map((step) => {
    const [command = "", ...expected] = step.trimEnd().split("\n");
    return { command, expected };
  });
}

async function type(command: string, expected: readonly string[]): Promise<void> {
  const kill = /^kill (?:-(\d+) )?%(\d+)$/.exec(command);
  if (kill !== null) {
    const job = jobs[Number(kill[2]) - 1];
    assert.ok(job, `${command}: there is no such job`);
    return job.stop(kill[1] === "9" ? "SIGKILL" : "SIGTERM");
  }
  const isJob = command.endsWith(" &");
  const words = toWords(isJob ? command.slice(0, -2) : command);
  if (words.length === 0) return;
  const job = new Job(words, command);
  if (isJob) {
    jobs.push(job);
    return job.prints(expected);
  }
  try {
    const code = await job.ended;
    assert.equal(code, 0, `${command} ended with ${code}:\n${job.output}`);
    await job.prints(expected);
  } finally {
    await job.stop("SIGKILL");
  }
}

/** The words of a command as the test starts it; none for what has been done before. */
function toWords(command: string): string[] {
  const [program = "", ...args] = (command.match(/'[^']*'|\S+/g) ?? []).map((word) =>
    word.replaceAll("'", "").replace(ADDRESS, (address) => addresses.get(address) ?? address),
  );
  if (program === "npx") return args.join(" ") === "heddle control" ? [...args, "--listen", registry] : args;
  if (program !== "npm") return [program, ...args];
  const [name = "", ...rest] = args[0] === "run" ? args.slice(1) : args;
  const script = scripts[name];
  assert.ok(script, `there is no script for: ${command}`);
  // `exec` is the shell's own word: here there is no shell to replace.
  const words = script.split(" ").filter((word) => word !== "exec");
  return name === "setup" ? [] : [...words, ...rest.filter((word) => word !== "--")];
}

/** A program that was typed in, and all it has printed. */
class Job {
  output = "";
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #command: string;
  #onOutput: () => void = () => {};

  constructor([program = "", ...args]: readonly string[], command: string) {
    this.#command = command;
    const path = `${join(root, "node_modules", ".bin")}${delimiter}${process.env["PATH"] ?? ""}`;
    const env = {
      ...process.env,
      PATH: path,
      HEDDLE_REGISTRY: registry,
      HEDDLE_STATE_DIR: stateFolder,
      NO_COLOR: "1",
    };
    // Inside `node --test` a child would report to the runner instead of printing.
    this.#child = spawn(program, args, {
      cwd: root,
      env: { ...env, NODE_TEST_CONTEXT: undefined },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        this.output += chunk.toString();
        this.#onOutput();
      });
    }
    this.ended = once(this.#child, "close").then(([code]) => {
      this.#onOutput();
      return code as number | null;
    });
  }

  /** Resolves when the output has the expected shape; rejects when the program has ended without it. */
  async prints(expected: readonly string[]): Promise<void> {
    const seen = new Promise<boolean>((resolve) => {
      this.#onOutput = () => {
        if (showsLines(this.output, expected)) resolve(true);
      };
      this.#onOutput();
    });
    const found = await Promise.race([seen, this.ended.then(() => showsLines(this.output, expected))]);
    assert.ok(found, `${this.#command} did not print\n${expected.join("\n")}\nbut\n${this.output}`);
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill(signal);
    await this.ended;
  }
}

/** Whether the lines stand one below the other in the output, with any lines in the place of `…`. */
function showsLines(output: string, expected: readonly string[]): boolean {
  const lines = output.split("\n");
  const printed = lines.map(toShape);
  let at = 0;
  let maySkip = true;
  for (const line of expected) {
    if (line === "…") maySkip = true;
    else {
      const found = printed.indexOf(toShape(line), at);
      if (found === -1 || (!maySkip && found !== at)) return false;
      learnAddresses(line, lines[found] ?? "");
      at = found + 1;
      maySkip = false;
    }
  }
  return true;
}

function learnAddresses(expected: string, printed: string): void {
  const actual = printed.match(ADDRESS) ?? [];
  for (const [i, address] of (expected.match(ADDRESS) ?? []).entries())
    addresses.set(address, actual[i] ?? address);
}

/** What stays the same from run to run. */
function toShape(line: string): string {
  return line
    .trim()
    .replace(/\b([a-z]+)-[0-9a-f]{6}\b/g, "$1-<id>")
    .replace(/\d[\d,.]*/g, "<n>")
    .replace(/\s+/g, " ");
}
