/**
 * What stands in a services file, checked field by field, because people write it by hand and a slip must be found where it
 * was made. Three forms, told apart by their outermost field:
 *
 * - `{ "services": { "orders": { "contracts": […], "instances": ["10.0.0.1:4001", { "address": …, "weight": 2 }] } } }`
 * - `{ "instance": { "service": "orders", … }, "incarnation": "7", "ttlMs": 15000 }`: one instance, as a registrar writes it
 * - `[ { "targets": ["10.0.0.1:4001"], "labels": { "service": "orders" } } ]`: Prometheus' file_sd
 *   (https://prometheus.io/docs/guides/file-sd/); the service is the label `service`, else `job`
 */
import { parseAddress } from "../../call/address.ts";
import { isJsonObject } from "../../call/json-object.ts";
import { nearest } from "../../call/nearest.ts";
import { createEndpoint, type Endpoint, type EndpointHealth } from "../endpoint.ts";

export interface ServicesFile {
  readonly instances: readonly Endpoint[];
  /** Its instances are gone when the file has not been touched for so long. Undefined: they stay. */
  readonly ttlMs?: number;
  /** Which start of the process wrote it; 0 where nobody said. */
  readonly incarnation: bigint;
}

/** What is wrong and at which field. */
export class FieldFault extends Error {
  override readonly name = "FieldFault";
  readonly path: readonly (string | number)[];
  readonly fault: string;

  constructor(path: readonly (string | number)[], fault: string) {
    super(`${path.length === 0 ? "" : `${pathText(path)}: `}${fault}`);
    this.path = path;
    this.fault = fault;
  }
}

/** Checks what a JSON or YAML parser made of a file. Throws `FieldFault`. */
export function readServicesFile(value: unknown): ServicesFile {
  if (Array.isArray(value)) return { instances: readTargetGroups(value), incarnation: 0n };
  if (!isJsonObject(value)) throw new FieldFault([], FORM);
  if (Object.hasOwn(value, "services")) {
    refuseOthers(value, ["services", "$schema"], []);
    return { instances: readServices(value["services"]), incarnation: 0n };
  }
  if (Object.hasOwn(value, "instance")) return readInstanceFile(value);
  const meant = nearest(Object.keys(value)[0] ?? "", ["services", "instance"]);
  throw new FieldFault([], `${FORM}${meant === undefined ? "" : `; did you mean "${meant}"?`}`);
}

/** The content of the file of one instance. */
export function instanceFileText(instance: Endpoint, incarnation: bigint, ttlMs: number): string {
  return `${JSON.stringify({ instance, incarnation: String(incarnation), ttlMs }, undefined, 2)}\n`;
}

const FORM = 'it must be an object with "services" or "instance", or a list of Prometheus target groups';

const SERVICE_FIELDS = ["contracts", "protocols", "tls", "instances"] as const;
const INSTANCE_FIELDS = [
  "id",
  "address",
  "otherAddresses",
  "contracts",
  "protocols",
  "tls",
  "weight",
  "zone",
  "version",
  "metadata",
  "health",
  "draining",
] as const;

type Path = readonly (string | number)[];
type Fields = Readonly<Record<string, unknown>>;

function readServices(value: unknown): readonly Endpoint[] {
  if (!isJsonObject(value))
    throw new FieldFault(["services"], "it must be an object: service name → instances");
  return Object.entries(value).flatMap(([service, entry]) => {
    const path = ["services", service];
    if (service === "") throw new FieldFault(path, "a service needs a name");
    if (Array.isArray(entry)) return readInstances(entry, { service }, path);
    if (!isJsonObject(entry))
      throw new FieldFault(path, 'it must be a list of instances, or an object with "instances"');
    refuseOthers(entry, SERVICE_FIELDS, path);
    const instances = entry["instances"];
    if (!Array.isArray(instances)) throw new FieldFault([...path, "instances"], "it must be a list");
    const tls = optional(entry, "tls", path, flag);
    return readInstances(
      instances,
      {
        service,
        contracts: optional(entry, "contracts", path, texts) ?? [],
        protocols: optional(entry, "protocols", path, texts) ?? [],
        ...(tls === undefined ? {} : { tls }),
      },
      [...path, "instances"],
    );
  });
}

function readInstances(list: readonly unknown[], common: Partial<Endpoint>, path: Path): readonly Endpoint[] {
  const ids = new Set<string>();
  return list.map((entry, index) => {
    const at = [...path, index];
    if (isJsonObject(entry)) refuseOthers(entry, INSTANCE_FIELDS, at);
    const instance =
      typeof entry === "string"
        ? createEndpoint({ ...common, address: address(entry, at) })
        : readInstance(entry, common, at);
    if (ids.has(instance.id)) throw new FieldFault(at, `another instance has the id "${instance.id}" too`);
    ids.add(instance.id);
    return instance;
  });
}

function readInstance(value: unknown, common: Partial<Endpoint>, path: Path): Endpoint {
  if (!isJsonObject(value)) throw new FieldFault(path, 'it must be an address, or an object with "address"');
  const tls = optional(value, "tls", path, flag) ?? common.tls;
  const [id, zone, version] = (["id", "zone", "version"] as const).map((name) =>
    optional(value, name, path, text),
  );
  return createEndpoint({
    ...common,
    ...(id === undefined ? {} : { id }),
    address: address(value["address"], [...path, "address"]),
    otherAddresses:
      optional(value, "otherAddresses", path, (list, at) =>
        texts(list, at).map((one, index) => address(one, [...at, index])),
      ) ?? [],
    contracts: optional(value, "contracts", path, texts) ?? common.contracts ?? [],
    protocols: optional(value, "protocols", path, texts) ?? common.protocols ?? [],
    ...(tls === undefined ? {} : { tls }),
    weight: optional(value, "weight", path, wholeNumber) ?? 1,
    ...(zone === undefined ? {} : { zone }),
    ...(version === undefined ? {} : { version }),
    metadata: optional(value, "metadata", path, labels) ?? {},
    health: optional(value, "health", path, health) ?? "unknown",
    draining: optional(value, "draining", path, flag) ?? false,
  });
}

/** Fields that it doesn't know are no fault here: a newer version of the registrar may have written them. */
function readInstanceFile(file: Fields): ServicesFile {
  const fields = file["instance"];
  const named = isJsonObject(fields) && fields["service"] !== "";
  const service = named ? (optional(fields, "service", ["instance"], text) ?? "") : "";
  const instance = readInstance(fields, { service }, ["instance"]);
  const ttlMs = optional(file, "ttlMs", [], wholeNumber);
  const incarnation = optional(file, "incarnation", [], (value, path) => {
    if (typeof value === "string" && /^\d{1,20}$/.test(value)) return BigInt(value);
    throw new FieldFault(path, "it must be digits in quotes");
  });
  return { instances: [instance], ...(ttlMs ? { ttlMs } : {}), incarnation: incarnation ?? 0n };
}

function readTargetGroups(groups: readonly unknown[]): readonly Endpoint[] {
  return groups.flatMap((group, index) => {
    if (!isJsonObject(group)) throw new FieldFault([index], 'it must be an object with "targets"');
    const { service, job, zone, version, ...metadata } = optional(group, "labels", [index], labels) ?? {};
    const targets = texts(group["targets"], [index, "targets"]);
    return targets.map((target, at) =>
      createEndpoint({
        address: address(target, [index, "targets", at]),
        service: service ?? job ?? "",
        ...(zone === undefined ? {} : { zone }),
        ...(version === undefined ? {} : { version }),
        metadata: Object.fromEntries(Object.entries(metadata).filter(([name]) => !name.startsWith("__"))),
      }),
    );
  });
}

function optional<Value>(
  fields: Fields,
  name: string,
  path: Path,
  read: (value: unknown, path: Path) => Value,
): Value | undefined {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  return value === undefined || value === null ? undefined : read(value, [...path, name]);
}

function address(value: unknown, path: Path): string {
  const given = text(value, path);
  const fault = parseAddress(given);
  if (typeof fault === "string") throw new FieldFault(path, `"${given.slice(0, 100)}": ${fault}`);
  return given;
}

function text(value: unknown, path: Path): string {
  if (typeof value === "string" && value !== "") return value;
  if (value === undefined) throw new FieldFault(path, "it is missing");
  throw new FieldFault(
    path,
    typeof value === "number" ? "it must be text: put it in quotes" : "it must be text",
  );
}

function texts(value: unknown, path: Path): readonly string[] {
  if (!Array.isArray(value)) throw new FieldFault(path, "it must be a list of texts");
  return value.map((one, index) => text(one, [...path, index]));
}

function labels(value: unknown, path: Path): Readonly<Record<string, string>> {
  if (!isJsonObject(value)) throw new FieldFault(path, "it must be an object of texts");
  for (const [name, one] of Object.entries(value)) if (one !== "") text(one, [...path, name]);
  return value as Readonly<Record<string, string>>;
}

function flag(value: unknown, path: Path): boolean {
  if (typeof value === "boolean") return value;
  throw new FieldFault(path, "it must be true or false");
}

function wholeNumber(value: unknown, path: Path): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw new FieldFault(path, "it must be a whole number, 0 or more");
}

function health(value: unknown, path: Path): EndpointHealth {
  if (value === "unknown" || value === "healthy" || value === "unhealthy") return value;
  throw new FieldFault(path, "it must be unknown, healthy or unhealthy");
}

function refuseOthers(fields: Fields, known: readonly string[], path: Path): void {
  for (const name of Object.keys(fields)) {
    if (known.includes(name)) continue;
    const meant = nearest(name, known);
    throw new FieldFault(
      [...path, name],
      `there is no such field${meant === undefined ? `; known: ${known.join(", ")}` : `; did you mean "${meant}"?`}`,
    );
  }
}

function pathText(path: Path): string {
  return path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`))
    .join("")
    .replace(/^\./, "");
}
