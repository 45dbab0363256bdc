/** What the commands about contracts share: their options, and how a change is told. */
import type { ContractBreak } from "../contract/compatibility/contract-break.ts";
import type { Place } from "../contract/compatibility/source-places.ts";
import type { ContractChoice } from "./contract-files.ts";

export interface ContractCommandOptions {
  readonly registry?: string | undefined;
  readonly proto?: string | undefined;
  readonly image?: string | undefined;
  readonly conventions?: boolean | undefined;
  /** Comma list of whom to look at. */
  readonly only?: string | undefined;
  readonly json?: boolean | undefined;
  readonly live?: boolean | undefined;
  readonly strict?: boolean | undefined;
  readonly days?: string | undefined;
}

/** As `--json` has it. */
export function describe(change: ContractBreak, find: (file: string) => string | undefined): object {
  const { name, what, broken, rules, place, was } = change;
  return { name, what, breaks: broken, rules, place: placeOf(place, find), was: placeOf(was, find) };
}

function placeOf(place: Place | undefined, find: (file: string) => string | undefined): object | undefined {
  return (
    place && {
      file: find(place.file) ?? place.file,
      ...(place.line === undefined ? {} : { line: place.line }),
    }
  );
}

/** `proto/shop/v1/order.proto:14`, as editors open it. Of what is gone with its file, where it was. */
export function placeText({ place, was }: ContractBreak, find: (file: string) => string | undefined): string {
  const shown = place ?? was;
  if (shown === undefined) return "-";
  const { file, line } = shown;
  return `${find(file) ?? file}${line === undefined ? "" : `:${line}`}`;
}

export function choiceOf({ proto, image, conventions }: ContractCommandOptions): ContractChoice {
  return { proto, image, ...(conventions === undefined ? {} : { conventions }) };
}
