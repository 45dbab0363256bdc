/**
 * What `/v1/health/service/<name>` answers, as endpoints. Anybody may have registered what stands there, so nothing of it is
 * trusted to have a form: an entry that nobody could call is left out, and the others stay.
 */
import { formatAddress, parseAddress } from "../../call/address.ts";
import { isJsonObject } from "../../call/json-object.ts";
import { createEndpoint, type Endpoint } from "../endpoint.ts";
import { fromFlatMetadata } from "../fields/flat-metadata.ts";
import { type Fields, fieldsAt, textAt, textsAt } from "../fields/json-fields.ts";
import { CONSUL_FORM } from "./consul-form.ts";

/** Throws for what is no list: that is no answer of Consul. */
export function readHealthEntries(answer: unknown): readonly Endpoint[] {
  if (!Array.isArray(answer)) throw new TypeError("Consul's answer is no list");
  const found = new Map<string, Found>();
  for (const entry of answer) {
    const one = readEntry(entry);
    if (one === undefined) continue;
    const other = found.get(one.endpoint.id);
    if (other === undefined || isBetter(one, other)) found.set(one.endpoint.id, one);
  }
  return [...found.values()].map(({ endpoint }) => endpoint);
}

interface Found {
  readonly endpoint: Endpoint;
  readonly incarnation: bigint;
  /** When it was written, in Consul's counting. */
  readonly index: number;
}

/**
 * The same instance may stand at two agents, when the first one was away for a while: the newer and living one counts, and
 * of two that live (the first agent is back, its TTL not over yet) the one that was written last.
 */
function isBetter(one: Found, other: Found): boolean {
  if (one.incarnation !== other.incarnation) return one.incarnation > other.incarnation;
  const [lives, otherLives] = [one, other].map(({ endpoint }) => endpoint.health === "healthy");
  return lives === otherLives ? one.index > other.index : lives === true;
}

function readEntry(entry: unknown): Found | undefined {
  if (!isJsonObject(entry) || !isJsonObject(entry["Service"])) return undefined;
  const service = entry["Service"];
  const node = fieldsAt(entry, "Node");
  const address = addressOf(service, node);
  if (address === undefined) return undefined;
  const meta = textsAt(service, "Meta");
  const { incarnation = -1n, ...own } = fromFlatMetadata(meta, CONSUL_FORM);
  const status = statusOf(entry["Checks"]);
  const zone = own.zone ?? zoneOf(service, node, meta);
  const version = own.version ?? (own.id === undefined ? meta["version"] : undefined);
  const tls = own.tls ?? (meta["secure"] === "true" ? true : undefined);
  const index = service["ModifyIndex"];
  return {
    incarnation,
    index: typeof index === "number" ? index : 0,
    endpoint: createEndpoint({
      ...own,
      id: own.id ?? `${textAt(node, "Node")}/${textAt(service, "ID")}`,
      address,
      service: own.service ?? textAt(service, "Service"),
      ...(tls === undefined ? {} : { tls }),
      ...(zone === undefined ? {} : { zone }),
      ...(version === undefined ? {} : { version }),
      weight: own.weight ?? weightOf(service["Weights"], status === "warning" ? "Warning" : "Passing"),
      health: own.health ?? HEALTH[status],
      draining: (own.draining ?? false) || status === "maintenance",
    }),
  };
}

const HEALTH = {
  passing: "healthy",
  warning: "healthy",
  critical: "unhealthy",
  maintenance: "unhealthy",
  unchecked: "unknown",
} as const;

function addressOf(service: Fields, node: Fields): string | undefined {
  const path = textAt(service, "SocketPath");
  const host = textAt(service, "Address") || textAt(node, "Address");
  const port = typeof service["Port"] === "number" ? service["Port"] : 0;
  const text = path === "" ? formatAddress({ kind: "tcp", host, port }) : `unix:${path}`;
  return typeof parseAddress(text) === "string" ? undefined : text;
}

function statusOf(checks: unknown): keyof typeof HEALTH {
  if (!Array.isArray(checks) || checks.length === 0) return "unchecked";
  let status: keyof typeof HEALTH = "passing";
  for (const check of checks) {
    if (!isJsonObject(check)) continue;
    const id = textAt(check, "CheckID");
    if (id === "_node_maintenance" || id.startsWith("_service_maintenance:")) return "maintenance";
    const one = check["Status"];
    if (one === "critical") status = "critical";
    else if (one === "warning" && status === "passing") status = "warning";
  }
  return status;
}

/** The service's own words first, then those of the machine that it runs on. */
function zoneOf(service: Fields, node: Fields, meta: Readonly<Record<string, string>>): string | undefined {
  const locality = (of: Fields) => textAt(fieldsAt(of, "Locality"), "Zone");
  return locality(service) || meta["zone"] || locality(node) || textsAt(node, "Meta")["zone"] || undefined;
}

function weightOf(weights: unknown, which: "Passing" | "Warning"): number {
  const weight = isJsonObject(weights) ? weights[which] : undefined;
  return typeof weight === "number" && Number.isSafeInteger(weight) && weight >= 0 ? weight : 1;
}
