/**
 * What an instance says of itself, in registries that hold nothing but a flat map of short texts beside an address:
 * Consul's `Meta`, Eureka's `metadata`. Our own fields stand under `heddle.…` (or `heddle-…`, where no dot is allowed);
 * the instance's metadata stands as it is, for other programs to read, and only what the map can't hold (a key that is no
 * key there, a long value) goes into one field of ours as JSON. A value that is too long for the map is cut into several.
 */
import { parseAddress } from "../../call/address.ts";
import type { Endpoint } from "../endpoint.ts";
import { readCommaList } from "./comma-list.ts";

export interface FlatMetadataForm {
  /** Of our fields: "heddle." or "heddle-". Its last character also stands before the number of a part. */
  readonly prefix: string;
  /** Whether the map can hold this as a key. */
  readonly isKey: (key: string) => boolean;
  /** Whether the map can hold this as a value of the instance's own metadata. Default: any. */
  readonly isValue?: (value: string) => boolean;
  /** Longest value in bytes of UTF-8. */
  readonly maxValueBytes: number;
}

/** What stood in the map. `id` and `incarnation` are there when one of us wrote it. */
export interface FlatMetadata
  extends Partial<
    Pick<
      Endpoint,
      | "id"
      | "service"
      | "contracts"
      | "protocols"
      | "otherAddresses"
      | "tls"
      | "weight"
      | "zone"
      | "version"
      | "health"
      | "draining"
    >
  > {
  readonly incarnation?: bigint;
  readonly metadata: Readonly<Record<string, string>>;
}

export function toFlatMetadata(
  instance: Endpoint,
  incarnation: bigint,
  form: FlatMetadataForm,
): Record<string, string> {
  const flat: [string, string][] = [];
  const kept: [string, string][] = [];
  for (const [key, value] of Object.entries(instance.metadata)) {
    if (isPlain(key, value, form)) flat.push([key, value]);
    else kept.push([key, value]);
  }
  const fields: Record<string, string | undefined> = {
    id: instance.id,
    incarnation: String(incarnation),
    service: instance.service,
    contracts: instance.contracts.join(","),
    protocols: instance.protocols.join(","),
    addresses: instance.otherAddresses.join(","),
    tls: instance.tls === undefined ? "" : String(instance.tls),
    weight: String(instance.weight),
    zone: instance.zone,
    version: instance.version,
    health: instance.health === "unhealthy" ? instance.health : "",
    draining: instance.draining ? "true" : "",
    more: kept.length === 0 ? "" : JSON.stringify(Object.fromEntries(kept)),
  };
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || value === "") continue;
    const parts = cut(value, form.maxValueBytes);
    for (const [index, part] of parts.entries()) flat.push([partName(form, name, index), part]);
  }
  return Object.fromEntries(flat);
}

/** Reads what anybody may have written: what makes no sense is left out. Without `id` it isn't ours. */
export function fromFlatMetadata(
  flat: Readonly<Record<string, string>>,
  form: FlatMetadataForm,
): FlatMetadata {
  const field = (name: string): string => {
    let value = "";
    for (let index = 0; ; index++) {
      const key = partName(form, name, index);
      if (!Object.hasOwn(flat, key)) return value;
      value += flat[key];
    }
  };
  const list = (name: string) => readCommaList(field(name));
  const id = field("id");
  const [service, zone, version] = [field("service"), field("zone"), field("version")];
  const [contracts, protocols] = [list("contracts"), list("protocols")];
  const otherAddresses = list("addresses").filter((address) => typeof parseAddress(address) !== "string");
  const tls = field("tls") === "true" ? true : field("tls") === "false" ? false : undefined;
  const weight = /^\d{1,9}$/.test(field("weight")) ? Number(field("weight")) : undefined;
  const incarnation = /^\d{1,20}$/.test(field("incarnation")) ? BigInt(field("incarnation")) : undefined;
  return {
    ...(id === "" ? {} : { id }),
    ...(incarnation === undefined ? {} : { incarnation }),
    ...(service === "" ? {} : { service }),
    ...(contracts.length === 0 ? {} : { contracts }),
    ...(protocols.length === 0 ? {} : { protocols }),
    ...(otherAddresses.length === 0 ? {} : { otherAddresses }),
    ...(tls === undefined ? {} : { tls }),
    ...(weight === undefined ? {} : { weight }),
    ...(zone === "" ? {} : { zone }),
    ...(version === "" ? {} : { version }),
    ...(field("health") === "unhealthy" ? { health: "unhealthy" } : {}),
    ...(field("draining") === "true" ? { draining: true } : {}),
    metadata: Object.fromEntries([
      ...Object.entries(flat).filter(([key]) => !key.startsWith(form.prefix)),
      ...readKept(field("more")),
    ]),
  };
}

function isPlain(key: string, value: string, form: FlatMetadataForm): boolean {
  return (
    !key.startsWith(form.prefix) &&
    form.isKey(key) &&
    (form.isValue?.(value) ?? true) &&
    Buffer.byteLength(value) <= form.maxValueBytes
  );
}

function partName({ prefix }: FlatMetadataForm, name: string, index: number): string {
  return index === 0 ? `${prefix}${name}` : `${prefix}${name}${prefix.at(-1)}${index}`;
}

/** Pieces of at most `maxBytes` bytes; no character is torn. */
function cut(value: string, maxBytes: number): string[] {
  if (Buffer.byteLength(value) <= maxBytes) return [value];
  const parts: string[] = [];
  let part = "";
  let bytes = 0;
  for (const character of value) {
    const length = Buffer.byteLength(character);
    if (bytes + length > maxBytes) {
      parts.push(part);
      part = "";
      bytes = 0;
    }
    part += character;
    bytes += length;
  }
  return [...parts, part];
}

function readKept(text: string): [string, string][] {
  if (text === "") return [];
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
    return Object.entries(value).filter((pair): pair is [string, string] => typeof pair[1] === "string");
  } catch {
    return [];
  }
}
