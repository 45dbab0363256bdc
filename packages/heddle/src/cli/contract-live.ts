/**
 * `heddle contract check --live`: the contract here against those that instances answer, times what callers use.
 */
import { invalidOption } from "../call/check-option.ts";
import { oneLine } from "../call/one-line.ts";
import { compareContracts } from "../contract/compatibility/compare-contracts.ts";
import { type Contract, readContract } from "../contract/compatibility/contract.ts";
import { type DeployedContract, findLiveBreaks } from "../contract/compatibility/live-breaks.ts";
import { CONTRACT_HASH_KEY } from "../discovery/contract-hash.ts";
import { type Contract as PublishedContract, RestMode } from "../gen/heddle/contract/v1/contract_pb.ts";
import { InstanceOrigin } from "../gen/heddle/registry/v1/registry_pb.ts";
import { contractHere, createPathFinder } from "./contract-files.ts";
import { choiceOf, type ContractCommandOptions } from "./contract-words.ts";
import { askControlPlanes, type KnownContracts } from "./ask-control-planes.ts";
import { printBreaks, printBreaksJson, summary } from "./live-report.ts";

export async function checkLive(options: ContractCommandOptions): Promise<number> {
  const days = daysOf(options.days);
  const choice = choiceOf(options);
  const here = await contractHere(choice);
  const known = await askControlPlanes(options.registry, days);
  if (typeof known === "number") return known;
  const { deployed, notes, silent } = compareDeployed(here, known);
  const found = findLiveBreaks(deployed, {
    usage: known.usage,
    today: known.today,
    silent,
    gaps: known.gaps,
  });
  const find = createPathFinder(choice);
  if (options.json === true) printBreaksJson(found, find, { days, silent, notes, known });
  else printBreaks(found, find, { days, known });
  for (const note of notes) process.stderr.write(`heddle contract: ${oneLine(note)}\n`);
  const breaking = found.filter(({ state }) => state === "breaks").length;
  const unknown = found.filter(({ state }) => state === "unknown").length;
  process.stderr.write(`heddle contract: ${summary(found.length, breaking, unknown, deployed.length)}\n`);
  return breaking > 0 || (options.strict === true && (unknown > 0 || notes.length > 0)) ? 1 : 0;
}

interface Compared {
  readonly deployed: readonly DeployedContract[];
  /** What could not be compared. */
  readonly notes: readonly string[];
  readonly silent: readonly string[];
}

function compareDeployed(here: Contract, known: KnownContracts): Compared {
  const byHash = new Map<string, string[]>();
  const nameless: string[] = [];
  const silent: string[] = [];
  for (const { id, service, metadata, contracts, origin } of known.instances.values()) {
    const hash = metadata[CONTRACT_HASH_KEY];
    if (hash !== undefined && known.contracts.has(hash)) byHash.set(hash, [...(byHash.get(hash) ?? []), id]);
    else if (contracts.some((name) => isOurs(name, here))) nameless.push(id);
    // A second server of a process has a number behind its name, and reports with the first.
    const says = [id, id.replace(/\.\d+$/, "")].some((name) => known.reporters.has(`${service}\n${name}`));
    if (!says && origin !== InstanceOrigin.STATIC) silent.push(id);
    else if (!says) silent.push(`${id} (static)`);
  }
  const deployed = [...byHash].map(([hash, instances]) => {
    const published = known.contracts.get(hash) as PublishedContract;
    const contract = limitTo(readPublished(published), here);
    const conventions = contract.conventions;
    const rest = published.rest !== RestMode.OFF;
    return { contract, instances, rest, breaks: compareContracts(contract, { ...here, conventions }) };
  });
  const notes =
    nameless.length === 0
      ? []
      : [`what ${nameless.toSorted().join(", ")} answers is not known, and not compared`];
  return { deployed, notes, silent: silent.toSorted() };
}

function readPublished({ descriptorSet, rest }: PublishedContract): Contract {
  return readContract(descriptorSet, { conventions: rest === RestMode.CONVENTIONS });
}

/** What is deployed of other contracts is not missing here: only files of packages that are here, too, are compared. */
function limitTo(deployed: Contract, here: Contract): Contract {
  const isIn = ({ file }: { readonly file: { readonly proto: { readonly package: string } } }) =>
    here.packages.has(file.proto.package);
  const kept = <Part extends Parameters<typeof isIn>[0]>(parts: ReadonlyMap<string, Part>) =>
    new Map([...parts].filter(([, part]) => isIn(part)));
  return {
    ...deployed,
    files: new Map([...deployed.files].filter(([, file]) => here.packages.has(file.proto.package))),
    messages: kept(deployed.messages),
    enums: kept(deployed.enums),
    services: kept(deployed.services),
    extensions: kept(deployed.extensions),
  };
}

function isOurs(service: string, here: Contract): boolean {
  return here.packages.has(service.slice(0, Math.max(0, service.lastIndexOf("."))));
}

function daysOf(days: string | undefined): number {
  if (days === undefined) return 7;
  if (/^[1-9]\d?$/.test(days) && Number(days) <= KEPT_DAYS) return Number(days);
  throw invalidOption("days", `it is a number from 1 to ${KEPT_DAYS}, and not "${days}"`);
}

/** What control planes keep. */
const KEPT_DAYS = 14;
