/**
 * What control planes know of contracts and of who uses them: each that is named is asked, for each knows what it was told.
 */
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import type { LiveUsage } from "../contract/compatibility/live-breaks.ts";
import { CONTRACT_HASH_KEY } from "../discovery/contract-hash.ts";
import { DEFAULT_REGISTRY_ADDRESS } from "../discovery/registry-address.ts";
import {
  type Contract as PublishedContract,
  ContractService,
  type ListUsageResponse,
} from "../gen/heddle/contract/v1/contract_pb.ts";
import { type Instance, RegistryService } from "../gen/heddle/registry/v1/registry_pb.ts";
import { withControlPlane } from "./with-control-plane.ts";

/** What all control planes together know. */
export interface KnownContracts {
  readonly instances: Map<string, Instance>;
  readonly contracts: Map<string, PublishedContract>;
  readonly usage: LiveUsage[];
  readonly reporters: Set<string>;
  readonly gaps: string[];
  today: string;
  since: string;
}

/** The exit code when one of them cannot be asked; it has been told then. */
export async function askControlPlanes(
  registry: string | undefined,
  days: number,
): Promise<KnownContracts | number> {
  const known = createKnownContracts();
  for (const url of eachPlane(registry)) {
    const code = await withControlPlane("contract", url, async (transport) => {
      await ask(transport, days, known);
      return 0;
    });
    if (code !== 0) return code;
  }
  return known;
}

function createKnownContracts(): KnownContracts {
  return {
    instances: new Map(),
    contracts: new Map(),
    usage: [],
    reporters: new Set(),
    gaps: [],
    today: "",
    since: "",
  };
}

async function ask(transport: Transport, days: number, known: KnownContracts): Promise<void> {
  const registry = createClient(RegistryService, transport);
  const contracts = createClient(ContractService, transport);
  const { instances } = await registry.listInstances({}, TIMELY);
  for (const instance of instances) known.instances.set(instance.id, instance);
  const hashes = new Set(instances.flatMap(({ metadata }) => metadata[CONTRACT_HASH_KEY] ?? []));
  for (const hash of hashes) {
    if (known.contracts.has(hash)) continue;
    const { contract } = await contracts.getContract({ hash }, TIMELY).catch(noneOf);
    if (contract !== undefined) known.contracts.set(hash, contract);
  }
  take(await contracts.listUsage({ days }, TIMELY), known);
}

function noneOf(error: unknown): { readonly contract?: undefined } {
  if (ConnectError.from(error).code === Code.NotFound) return {};
  throw error;
}

function take({ rows, reporters, incomplete, today, since }: ListUsageResponse, known: KnownContracts): void {
  for (const { day, caller, usage } of rows) {
    if (usage === undefined) continue;
    const { method, json, calls, restCalls, sampledCalls, fields, fieldsCut } = usage;
    known.usage.push({
      day,
      caller,
      method,
      json,
      calls: Number(calls),
      restCalls: Number(restCalls),
      sampledCalls: Number(sampledCalls),
      fields: fields.map(({ field, readIn, setIn }) => ({
        field,
        readIn: Number(readIn),
        setIn: Number(setIn),
      })),
      fieldsCut,
    });
  }
  for (const { service, instance, ageMs } of reporters)
    if (ageMs <= SILENT_AFTER_MS) known.reporters.add(`${service}\n${instance}`);
  if (incomplete) known.gaps.push("the control plane was told of more than it keeps");
  if (today > known.today) known.today = today;
  if (since !== "" && (known.since === "" || since < known.since)) known.since = since;
}

/** Each of the hosts by itself. */
function eachPlane(registry: string | undefined): readonly string[] {
  const text = registry ?? (process.env["HEDDLE_REGISTRY"] || DEFAULT_REGISTRY_ADDRESS);
  const parts = /^(heddle:\/\/)([^/?#]*)(.*)$/.exec(text);
  if (parts === null) return [text];
  const [, scheme = "", hosts = "", rest = ""] = parts;
  return hosts.split(",").map((host) => `${scheme}${host}${rest}`);
}

const TIMELY = { timeoutMs: 5_000 };
/** Reports come every half a minute; three of them may get lost. */
const SILENT_AFTER_MS = 120_000n;
