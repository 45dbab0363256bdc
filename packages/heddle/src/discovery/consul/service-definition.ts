/** An instance as `/v1/agent/service/register` takes it: one service for each name under which it is to be found. */
import { parseAddress } from "../../call/address.ts";
import type { Endpoint } from "../endpoint.ts";
import { toFlatMetadata } from "../fields/flat-metadata.ts";
import { RegistrationRefused } from "../holder.ts";
import { CONSUL_FORM, CONSUL_MAX_PAIRS } from "./consul-form.ts";
import type { ConsulRegistrationOptions } from "./consul-options.ts";

export interface ServiceDefinition {
  readonly ID: string;
  readonly Name: string;
  readonly Tags: readonly string[];
  readonly Address?: string;
  readonly Port?: number;
  readonly SocketPath?: string;
  readonly Meta: Readonly<Record<string, string>>;
  readonly Weights: { readonly Passing: number; readonly Warning: number };
  readonly Checks: readonly CheckDefinition[];
}

export interface CheckDefinition {
  readonly CheckID: string;
  readonly Name: string;
  readonly Status: "passing";
  readonly DeregisterCriticalServiceAfter: string;
  readonly TTL?: string;
  readonly GRPC?: string;
  readonly GRPCUseTLS?: boolean;
  readonly TCP?: string;
  readonly Interval?: string;
  readonly Timeout?: string;
}

/** The same for the same name and instance, so that registering twice is registering once. */
export function serviceId(name: string, instance: Pick<Endpoint, "id">): string {
  return `${name}:${instance.id}`;
}

/** Of an incarnation: an earlier one, frozen and thawed, doesn't pass the checks of its successor. */
export function checkId(id: string, incarnation: bigint): string {
  return `heddle:${id}:${incarnation}`;
}

/** Throws `RegistrationRefused` for what Consul can't hold. */
export function toServiceDefinition(
  name: string,
  instance: Endpoint,
  incarnation: bigint,
  options: ConsulRegistrationOptions,
): ServiceDefinition {
  const ID = serviceId(name, instance);
  const Meta = toFlatMetadata(instance, incarnation, CONSUL_FORM);
  const isOwnWeight = instance.weight >= 1 && instance.weight <= MAX_WEIGHT;
  if (isOwnWeight) delete Meta[`${CONSUL_FORM.prefix}weight`];
  const pairs = Object.keys(Meta).length;
  if (pairs > CONSUL_MAX_PAIRS) {
    throw new RegistrationRefused(
      `Consul holds ${CONSUL_MAX_PAIRS} pairs of metadata, and this instance needs ${pairs}`,
    );
  }
  const Weights = {
    Passing: isOwnWeight ? instance.weight : Math.min(1 + instance.weight, MAX_WEIGHT),
    Warning: 1,
  };
  const check = checkOf(ID, instance, incarnation, options);
  return {
    ID,
    Name: name,
    Tags: options.tags,
    ...placeOf(instance.address),
    Meta,
    Weights,
    Checks: check === undefined ? [] : [check],
  };
}

/** Consul's largest weight; its smallest is 1. */
const MAX_WEIGHT = 65_535;

function placeOf(address: string): Pick<ServiceDefinition, "Address" | "Port" | "SocketPath"> {
  const place = parseAddress(address);
  if (typeof place === "string" || place.kind === "memory") {
    throw new RegistrationRefused(`Consul can't hold the address ${address}`);
  }
  return place.kind === "unix" ? { SocketPath: place.path } : { Address: place.host, Port: place.port };
}

function checkOf(
  id: string,
  { address, tls = false }: Endpoint,
  incarnation: bigint,
  options: ConsulRegistrationOptions,
): CheckDefinition | undefined {
  const { check, ttlMs, checkIntervalMs, deregisterAfterMs } = options;
  const common = {
    CheckID: checkId(id, incarnation),
    Name: `Heddle ${check}`,
    // It registers itself, so it lives; Consul's default is critical.
    Status: "passing",
    DeregisterCriticalServiceAfter: `${deregisterAfterMs}ms`,
  } as const;
  const made = { Interval: `${checkIntervalMs}ms`, Timeout: `${checkIntervalMs}ms` };
  switch (check) {
    case "ttl":
      return { ...common, TTL: `${ttlMs}ms` };
    case "grpc":
      return { ...common, ...made, GRPC: address, GRPCUseTLS: tls };
    case "tcp":
      return { ...common, ...made, TCP: address };
    case "none":
      return undefined;
  }
}
