/**
 * How instances stand in etcd: the layout of etcd's own gRPC naming (https://etcd.io/docs/v3.6/dev-guide/grpc_naming/),
 * so that Go services that resolve `etcd:///heddle/orders` find ours, and we find what they wrote.
 *
 *     heddle/orders/orders-1  →  {"Op":0,"Addr":"10.0.0.7:4001","heddle":{…}}
 *
 * All that we know besides the address stands beside theirs in "heddle", and not in their "Metadata": gRPC for Go
 * compares addresses with their metadata, and a JSON object there is a Go map, at which that comparison panics
 * (https://github.com/etcd-io/etcd/issues/19700). A reader of either kind skips what it doesn't know.
 */
import { parseAddress } from "../../call/address.ts";
import { isJsonObject } from "../../call/json-object.ts";
import { createEndpoint, type Endpoint } from "../endpoint.ts";
import { type Fields, fieldsAt, textAt, textListAt } from "../fields/json-fields.ts";
import { namesOf } from "../names.ts";
import { keyBytes, keyText } from "./etcd-keys.ts";

export interface EtcdLayout {
  /** All keys of a name begin with it. */
  prefixOf(name: string): string;
  /** Where an instance stands: a key for each of its names. */
  keysOf(instance: Pick<Endpoint, "id" | "service" | "contracts">): readonly string[];
  /** The id of the instance whose key this is; undefined for a key of another name. */
  idOf(name: string, key: Uint8Array): string | undefined;
}

/** `root` is what all keys begin with; empty for none. */
export function createEtcdLayout(root: string): EtcdLayout {
  const trimmed = root.replace(/^\/+|\/+$/g, "");
  const start = trimmed === "" ? "" : `${trimmed}/`;
  const prefixOf = (name: string) => `${start}${name}/`;
  return {
    prefixOf,
    keysOf: (instance) => namesOf(instance).map((name) => prefixOf(name) + escapeId(instance.id)),
    idOf(name, key) {
      const text = keyText(key);
      const prefix = prefixOf(name);
      return text.startsWith(prefix) && text.length > prefix.length
        ? unescapeId(text.slice(prefix.length))
        : undefined;
    },
  };
}

/** The value of an instance's keys. */
export function writeInstance(instance: Endpoint, incarnation: bigint): Uint8Array<ArrayBuffer> {
  const { address, id, otherAddresses, service, contracts, protocols, tls, weight } = instance;
  const { zone, version, metadata, health, draining } = instance;
  const ours: OurFields = {
    id,
    incarnation: String(incarnation),
    service,
    contracts,
    ...(otherAddresses.length === 0 ? {} : { otherAddresses }),
    ...(protocols.length === 0 ? {} : { protocols }),
    ...(tls === undefined ? {} : { tls }),
    weight,
    ...(zone === undefined ? {} : { zone }),
    ...(version === undefined ? {} : { version }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
    ...(health === "unhealthy" ? { health } : {}),
    ...(draining ? { draining } : {}),
  };
  return keyBytes(JSON.stringify({ Op: 0, Addr: address, heddle: ours }));
}

/** Who wrote a value, if it was one of us. */
export function readOwner(
  value: Uint8Array,
): { readonly id: string; readonly incarnation: bigint } | undefined {
  const ours = parse(value)?.["heddle"];
  if (!isJsonObject(ours) || typeof ours["id"] !== "string") return undefined;
  const incarnation = textAt(ours, "incarnation");
  return /^\d{1,20}$/.test(incarnation) ? { id: ours["id"], incarnation: BigInt(incarnation) } : undefined;
}

/**
 * The instance that a value describes, ours or another's; undefined when it is none that can be called, or says that it
 * stands under other names than `name`. `id` is the key's.
 */
export function readInstance(name: string, id: string, value: Uint8Array): Endpoint | undefined {
  const fields = parse(value);
  const address = fields?.["Addr"];
  if (fields === undefined || typeof address !== "string" || typeof parseAddress(address) === "string")
    return undefined;
  // Naming of gRPC before 1.30 knew updates that take an address away.
  if (fields["Op"] === 1) return undefined;
  const ours = fields["heddle"];
  if (!isJsonObject(ours))
    return createEndpoint({ id, address, metadata: textRecord(fieldsAt(fields, "Metadata")) });
  const service = textAt(ours, "service");
  const contracts = textListAt(ours, "contracts");
  if (!namesOf({ service, contracts }).includes(name)) return undefined;
  const { weight, tls } = ours;
  return createEndpoint({
    id,
    address,
    otherAddresses: textListAt(ours, "otherAddresses").filter(
      (other) => typeof parseAddress(other) !== "string",
    ),
    service,
    contracts,
    protocols: textListAt(ours, "protocols"),
    ...(typeof tls === "boolean" ? { tls } : {}),
    ...(Number.isSafeInteger(weight) && Number(weight) >= 0 ? { weight: Number(weight) } : {}),
    zone: textAt(ours, "zone"),
    version: textAt(ours, "version"),
    metadata: textRecord(fieldsAt(ours, "metadata")),
    ...(ours["health"] === "unhealthy" ? { health: "unhealthy" } : {}),
    draining: ours["draining"] === true,
  });
}

interface OurFields {
  readonly id: string;
  /** In decimal digits: JSON's numbers end at 2^53. */
  readonly incarnation: string;
  readonly service: string;
  readonly contracts: readonly string[];
  readonly otherAddresses?: readonly string[];
  readonly protocols?: readonly string[];
  readonly tls?: boolean;
  readonly weight: number;
  readonly zone?: string;
  readonly version?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** It calls itself so. */
  readonly health?: "unhealthy";
  readonly draining?: true;
}

/** A slash would make it look like a key of a longer name. */
function escapeId(id: string): string {
  return id.replaceAll("%", "%25").replaceAll("/", "%2F");
}

function unescapeId(key: string): string {
  return key.replaceAll("%2F", "/").replaceAll("%25", "%");
}

/** Undefined for what is no JSON object. */
function parse(value: Uint8Array): Fields | undefined {
  try {
    const parsed: unknown = JSON.parse(keyText(value));
    return isJsonObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** Numbers and truth values become text: others write metadata as they like. */
function textRecord(fields: Fields): Record<string, string> {
  const texts = Object.entries(fields).filter(([, value]) =>
    ["string", "number", "boolean"].includes(typeof value),
  );
  return Object.fromEntries(texts.map(([name, value]) => [name, String(value)]));
}
