/**
 * `npm run fuzz -- [target] [--seconds 600] [--seed n] [--inputs n]`: drives one target, or all one after the other,
 * with input that is random or valid and then broken. A failure is printed with the command that repeats it, and its
 * input, shrunk, is kept in seeds/, which the tests replay. Exit code 1: something failed.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { runTarget, shrink } from "./run.ts";
import { isTargetName, loadTarget, type TargetName, targetNames, targetUrl } from "./target.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: "string", default: "600" },
    seed: { type: "string" },
    inputs: { type: "string" },
  },
});

const unknown = positionals.find((name) => !isTargetName(name));
if (unknown !== undefined) {
  process.stderr.write(`there is no target "${unknown}"; there are ${targetNames.join(", ")}\n`);
  process.exit(2);
}
const names = positionals.length === 0 ? targetNames : (positionals as TargetName[]);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32)) >>> 0;

for (const name of names) {
  const started = performance.now();
  const { inputs, hangs, failure } = await runTarget(targetUrl(name), {
    seed,
    milliseconds: Number(values.seconds) * 1000,
    ...(values.inputs === undefined ? {} : { inputs: Number(values.inputs) }),
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  say(`${name}: ${inputs.toLocaleString("en")} inputs in ${seconds} s from seed ${seed}`);
  if (failure === undefined) continue;
  process.exitCode = 1;
  say(
    `${name} fails: ${failure.reason}\nrepeat it with: npm run fuzz -- ${name} --seed ${failure.seed} --inputs 1`,
  );
  if (failure.input.length > 0)
    say(`its input is kept: ${await keep(name, failure.seed, failure.input, hangs)}`);
}

/** Keeps the input, as small as it can be made, where the tests find it. */
async function keep(name: TargetName, from: number, input: Uint8Array, hangs: boolean): Promise<string> {
  const target = await loadTarget(targetUrl(name));
  const smallest = hangs ? input : await shrink(target, input);
  await target.close?.();
  const folder = new URL(`seeds/${name}/`, import.meta.url);
  await mkdir(folder, { recursive: true });
  await writeFile(new URL(`${from}.bin`, folder), smallest);
  return `test/fuzz/seeds/${name}/${from}.bin (${smallest.length} bytes)`;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
