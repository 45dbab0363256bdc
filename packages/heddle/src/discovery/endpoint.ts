/**
 * An endpoint is one instance as a caller sees it: what a registry told, and nothing that the caller measured itself.
 * Endpoints are immutable and compared by value, so a registry that repeats itself causes no work.
 */
export interface Endpoint {
  /** Unique within the target, and stable while the process lives. */
  readonly id: string;
  /** See `parseAddress`: "127.0.0.1:4001", "[::1]:4001", "unix:/path", "memory:name". */
  readonly address: string;
  /** Further addresses of the same instance, in the order in which they are tried when `address` fails. */
  readonly otherAddresses: readonly string[];
  /** Short name of the service; empty where the source knows none. */
  readonly service: string;
  /** Full names of the Protobuf services it answers; empty where the source knows none. */
  readonly contracts: readonly string[];
  /** What it speaks: "grpc", "grpc-web", "connect". Empty where the source knows nothing. */
  readonly protocols: readonly string[];
  /** Whether it listens with TLS; undefined where the source does not know. */
  readonly tls?: boolean;
  /** Share of calls relative to the others, an integer from 0 (only when no other can take them) up; default 1. */
  readonly weight: number;
  /** Failure domain, such as "eu-west-1a". */
  readonly zone?: string;
  /** Version of the program. */
  readonly version?: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** What the registry's own checks say, or the instance of itself when it is not ready. Unhealthy ones get calls only while no other can take them. */
  readonly health: EndpointHealth;
  /** True once it wants no new calls because it is about to stop. */
  readonly draining: boolean;
}

export type EndpointHealth = "unknown" | "healthy" | "unhealthy";

/** An endpoint with defaults for all that is not given: weight 1, health unknown, not draining, `id` is the address. */
export function createEndpoint(fields: Partial<Endpoint> & { readonly address: string }): Endpoint {
  return {
    id: fields.id ?? fields.address,
    address: fields.address,
    otherAddresses: fields.otherAddresses ?? [],
    service: fields.service ?? "",
    contracts: fields.contracts ?? [],
    protocols: fields.protocols ?? [],
    ...(fields.tls === undefined ? {} : { tls: fields.tls }),
    weight: fields.weight ?? 1,
    ...(fields.zone ? { zone: fields.zone } : {}),
    ...(fields.version ? { version: fields.version } : {}),
    metadata: fields.metadata ?? {},
    health: fields.health ?? "unknown",
    draining: fields.draining ?? false,
  };
}

/** True when nothing a caller could see differs. The order of `contracts`, `protocols` and `metadata` doesn't count. */
export function endpointsEqual(a: Endpoint, b: Endpoint): boolean {
  return (
    a === b ||
    (a.id === b.id &&
      a.address === b.address &&
      sameList(a.otherAddresses, b.otherAddresses) &&
      a.service === b.service &&
      a.weight === b.weight &&
      a.tls === b.tls &&
      a.zone === b.zone &&
      a.version === b.version &&
      a.health === b.health &&
      a.draining === b.draining &&
      sameMembers(a.contracts, b.contracts) &&
      sameMembers(a.protocols, b.protocols) &&
      sameRecord(a.metadata, b.metadata))
  );
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

function sameMembers(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name) => b.includes(name)) && b.every((name) => a.includes(name));
}

function sameRecord(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && a[key] === b[key])
  );
}
