/**
 * What an instance must look like to be let into the registry. One careless client must not be able to fill the memory
 * of the registry, or that of everybody who watches it, so every field has a bound, and a refusal names the field.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import { parseAddress } from "../../call/address.ts";
import type { HealthCheck, Instance } from "../../gen/heddle/registry/v1/registry_pb.ts";

/** Throws INVALID_ARGUMENT with the first thing that is wrong. */
export function checkInstance(instance: Instance, check?: HealthCheck): void {
  checkName("id", instance.id);
  checkName("service", instance.service);
  checkAddress("address", instance.address);
  if (instance.otherAddresses.length > MAX_OTHER_ADDRESSES)
    refuse(`other_addresses: more than ${MAX_OTHER_ADDRESSES}`);
  for (const address of instance.otherAddresses) checkAddress("other_addresses", address);
  if (instance.protocols.length > MAX_PROTOCOLS) refuse(`protocols: more than ${MAX_PROTOCOLS}`);
  for (const protocol of instance.protocols) checkName("protocols", protocol);
  if (instance.contracts.length > MAX_CONTRACTS) refuse(`contracts: more than ${MAX_CONTRACTS}`);
  for (const contract of instance.contracts) checkName("contracts", contract);
  if ((instance.weight ?? 0) > MAX_WEIGHT) refuse(`weight: more than ${MAX_WEIGHT}`);
  if (instance.zone.length > MAX_NAME_LENGTH) refuse(`zone: longer than ${MAX_NAME_LENGTH} characters`);
  if (instance.version.length > MAX_NAME_LENGTH) refuse(`version: longer than ${MAX_NAME_LENGTH} characters`);
  const bytes = metadataBytes(instance.metadata);
  if (bytes > MAX_METADATA_BYTES) refuse(`metadata: ${bytes} bytes, more than ${MAX_METADATA_BYTES}`);
  if (check !== undefined) checkHealthCheck("check", check);
}

/** Throws INVALID_ARGUMENT, with `field` before what is wrong. */
export function checkHealthCheck(field: string, check: HealthCheck): void {
  const { kind, intervalMs, timeoutMs, unhealthyAfter, healthyAfter } = check;
  if (kind.case === undefined) refuse(`${field}: say what to do: grpc, http, tcp or ttl`);
  if (kind.case === "grpc" && kind.value.service !== "")
    checkName(`${field}.grpc.service`, kind.value.service);
  if (kind.case === "http" && !/^(?:\/[\x21-\x7e]*)?$/.test(kind.value.path))
    refuse(`${field}.http.path: must begin with a slash, without white space`);
  if (kind.case === "http" && kind.value.path.length > MAX_PATH_LENGTH)
    refuse(`${field}.http.path: longer than ${MAX_PATH_LENGTH} characters`);
  if (intervalMs !== 0 && intervalMs < MIN_INTERVAL_MS)
    refuse(`${field}.interval_ms: less than ${MIN_INTERVAL_MS}`);
  if (intervalMs > MAX_INTERVAL_MS) refuse(`${field}.interval_ms: more than ${MAX_INTERVAL_MS}`);
  if (timeoutMs > MAX_TIMEOUT_MS) refuse(`${field}.timeout_ms: more than ${MAX_TIMEOUT_MS}`);
  for (const [name, value] of Object.entries({
    unhealthy_after: unhealthyAfter,
    healthy_after: healthyAfter,
  }))
    if (value > MAX_THRESHOLD) refuse(`${field}.${name}: more than ${MAX_THRESHOLD}`);
}

const MAX_NAME_LENGTH = 256;
const MAX_OTHER_ADDRESSES = 8;
const MAX_PROTOCOLS = 16;
const MAX_CONTRACTS = 256;
const MAX_WEIGHT = 1_000_000;
const MAX_METADATA_BYTES = 16 * 1024;
const MAX_PATH_LENGTH = 1024;
const MIN_INTERVAL_MS = 100;
const MAX_INTERVAL_MS = 3_600_000;
/** Of few probes that run at once, those of some silent instances must not be all for long. */
const MAX_TIMEOUT_MS = 10_000;
const MAX_THRESHOLD = 100;

/** Throws INVALID_ARGUMENT, with `field` before what is wrong. */
export function checkName(field: string, value: string): void {
  if (value === "") refuse(`${field}: must not be empty`);
  if (value.length > MAX_NAME_LENGTH) refuse(`${field}: longer than ${MAX_NAME_LENGTH} characters`);
  if (/[\s\p{Cc}]/u.test(value)) refuse(`${field}: contains white space or a control character`);
}

function checkAddress(field: string, value: string): void {
  const address = parseAddress(value);
  if (typeof address === "string") refuse(`${field} "${value.slice(0, 100)}": ${address}`);
}

function metadataBytes(metadata: Readonly<Record<string, string>>): number {
  let bytes = 0;
  for (const [key, value] of Object.entries(metadata))
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  return bytes;
}

function refuse(reason: string): never {
  throw new ConnectError(reason, Code.InvalidArgument);
}
