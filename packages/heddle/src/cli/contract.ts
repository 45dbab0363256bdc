/** `heddle contract`: what a change of a contract breaks, by its text and among those that run. */
import { compareContracts } from "../contract/compatibility/compare-contracts.ts";
import { BROKEN, type Broken } from "../contract/compatibility/contract-break.ts";
import { invalidOption } from "../call/check-option.ts";
import { contractAt, contractHere, createPathFinder } from "./contract-files.ts";
import { checkLive } from "./contract-live.ts";
import { choiceOf, type ContractCommandOptions, describe, placeText } from "./contract-words.ts";
import { table } from "./table.ts";

export const CONTRACT_USAGE =
  "contract takes diff <ref or image> | check --live, and the contract here by --proto folder or --image file";

/** The exit code; undefined for arguments that make no command. */
export async function contract(
  args: readonly string[],
  options: ContractCommandOptions,
): Promise<number | undefined> {
  const [action, ref, ...others] = args;
  if (others.length > 0) return undefined;
  if (action === "diff" && ref !== undefined) return diff(ref, options);
  if (action === "check" && ref === undefined && options.live === true) return checkLive(options);
  return undefined;
}

async function diff(ref: string, options: ContractCommandOptions): Promise<number> {
  const choice = choiceOf(options);
  const only = parseOnly(options.only);
  const [before, after] = await Promise.all([contractAt(ref, choice), contractHere(choice)]);
  const find = createPathFinder(choice);
  const found = compareContracts(before, after).filter(({ broken }) => broken.some((one) => only.has(one)));
  if (options.json === true) {
    const breaks = found.map((change) => describe(change, find));
    process.stdout.write(`${JSON.stringify({ version: 1, against: ref, breaks })}\n`);
  } else if (found.length === 0) process.stdout.write("no breaking changes\n");
  else
    process.stdout.write(
      table(
        ["PLACE", "BREAKS", "WHAT"],
        found.map((change) => [placeText(change, find), change.broken.join(","), change.what]),
      ),
    );
  if (found.length > 0)
    process.stderr.write(
      `heddle contract: ${found.length === 1 ? "1 change breaks" : `${found.length} changes break`} callers\n` +
        "next: heddle contract check --live says which of those that run\n",
    );
  return found.length > 0 ? 1 : 0;
}

function parseOnly(only: string | undefined): ReadonlySet<Broken> {
  if (only === undefined) return new Set(BROKEN);
  const names = only.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !(BROKEN as readonly string[]).includes(name));
  if (unknown !== undefined)
    throw invalidOption("only", `it is of ${BROKEN.join(", ")}, and not "${unknown}"`);
  return new Set(names as Broken[]);
}
