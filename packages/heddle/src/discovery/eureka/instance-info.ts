/**
 * Eureka's `InstanceInfo` in JSON, written and read. Its form comes from XML: an attribute is a field that begins with
 * "@", text beside attributes is `$`, numbers and flags may be texts, and maps carry the name of their Java class.
 * Source: com.netflix.appinfo.InstanceInfo and com.netflix.discovery.converters in Netflix/eureka.
 */
import { formatAddress, parseAddress } from "../../call/address.ts";
import { isJsonObject } from "../../call/json-object.ts";
import { createEndpoint, type Endpoint } from "../endpoint.ts";
import { type FlatMetadataForm, fromFlatMetadata, toFlatMetadata } from "../fields/flat-metadata.ts";
import { type Fields, fieldsAt, textAt, textsAt } from "../fields/json-fields.ts";
import { RegistrationRefused } from "../holder.ts";
import type { EurekaReading, EurekaRegistrationOptions } from "./eureka-options.ts";

/** One instance of one application, as far as it matters. */
export interface EurekaInstance {
  /** Unique in the registry: application and instance. */
  readonly key: string;
  /** Under which it is found, in capitals: its application and its virtual addresses. */
  readonly names: readonly string[];
  /** As the server gives it, which counts in the registry's hash. */
  readonly status: string;
  /** -1 when it isn't ours. */
  readonly incarnation: bigint;
  readonly lastDirtyMs: number;
  /** Undefined when nobody could call it. */
  readonly endpoint: Endpoint | undefined;
}

/** Eureka knows names in capitals. */
export function eurekaName(name: string): string {
  return name.toUpperCase();
}

/**
 * An instance's id there, in which it stands in URLs: Tomcat, in which servers mostly run, refuses some characters also when
 * they are escaped. The id itself is in the metadata.
 */
export function eurekaId(id: string): string {
  return id.replace(/[^A-Za-z0-9_.:@-]/gu, (character) =>
    Array.from(Buffer.from(character), (byte) => `~${byte.toString(16).toUpperCase().padStart(2, "0")}`).join(
      "",
    ),
  );
}

/** What `POST /apps/<name>` takes. Throws `RegistrationRefused` for what Eureka can't hold. */
export function toInstanceInfo(
  name: string,
  instance: Endpoint,
  incarnation: bigint,
  lastDirtyMs: number,
  { renewMs, durationMs }: EurekaRegistrationOptions,
): { readonly instance: Readonly<Record<string, unknown>> } {
  const place = parseAddress(instance.address);
  if (typeof place === "string" || place.kind !== "tcp") {
    throw new RegistrationRefused(`Eureka can't hold the address ${instance.address}`);
  }
  const { host, port } = place;
  const isSecure = instance.tls === true;
  return {
    instance: {
      instanceId: eurekaId(instance.id),
      app: eurekaName(name),
      vipAddress: name,
      secureVipAddress: name,
      hostName: host,
      ipAddr: host,
      // OUT_OF_SERVICE would be ignored here: that word is for operators. DOWN is believed.
      status: statusOf(instance),
      port: { $: port, "@enabled": String(!isSecure) },
      securePort: { $: port, "@enabled": String(isSecure) },
      dataCenterInfo: { "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", name: "MyOwn" },
      leaseInfo: {
        renewalIntervalInSecs: Math.ceil(renewMs / 1000),
        durationInSecs: Math.ceil(durationMs / 1000),
      },
      lastDirtyTimestamp: String(lastDirtyMs),
      metadata: {
        ...toFlatMetadata(instance, incarnation, FORM),
        ...(instance.zone === undefined ? {} : { [ZONE]: instance.zone }),
      },
    },
  };
}

/** What an instance says of itself. */
export function statusOf({ draining, health }: Pick<Endpoint, "draining" | "health">): "UP" | "DOWN" {
  return draining || health === "unhealthy" ? "DOWN" : "UP";
}

/** Undefined for what is no instance at all. */
export function readInstanceInfo(
  info: unknown,
  { address, prefer }: Pick<EurekaReading, "address" | "prefer">,
): EurekaInstance | undefined {
  if (!isJsonObject(info)) return undefined;
  const app = eurekaName(textAt(info, "app"));
  const id = textAt(info, "instanceId") || textAt(info, "hostName");
  if (app === "" || id === "") return undefined;
  const status = textAt(info, "status").toUpperCase() || "UNKNOWN";
  const { [ZONE]: zone, ...flat } = withoutClass(textsAt(info, "metadata"));
  const { incarnation = -1n, metadata, ...own } = fromFlatMetadata(flat, FORM);
  const isOurs = own.id !== undefined;
  const place = placeOf(info, address, prefer);
  const foreignZone = zone ?? amazonZone(info);
  const vips = [textAt(info, "vipAddress"), textAt(info, "secureVipAddress")].join(",").split(",");
  const isDraining = own.draining ?? false;
  return {
    key: `${app}/${id}`,
    names: [...new Set([app, ...vips.map((vip) => eurekaName(vip.trim()))])].filter((name) => name !== ""),
    status,
    incarnation,
    lastDirtyMs: Number(scalar(info["lastDirtyTimestamp"])) || 0,
    endpoint:
      place === undefined
        ? undefined
        : createEndpoint({
            ...(foreignZone === undefined ? {} : { zone: foreignZone }),
            ...own,
            id: own.id ?? `${app}/${id}`,
            address: place.address,
            service: own.service ?? app.toLowerCase(),
            ...(isOurs ? {} : { tls: place.tls }),
            ...(isOurs || flat["version"] === undefined ? {} : { version: flat["version"] }),
            // The plain zone is there for others; what an instance of ours says in its own metadata stands apart.
            metadata: isOurs || zone === undefined ? metadata : { ...metadata, [ZONE]: zone },
            health:
              isDraining && status === "DOWN" && own.health === undefined
                ? "healthy"
                : (HEALTH[status] ?? "unknown"),
            draining: isDraining || status === "OUT_OF_SERVICE",
          }),
  };
}

const HEALTH: Readonly<Record<string, Endpoint["health"]>> = {
  UP: "healthy",
  DOWN: "unhealthy",
  STARTING: "unhealthy",
  OUT_OF_SERVICE: "unhealthy",
};

/** Where Netflix's clients and Spring's look for an instance's zone. */
const ZONE = "zone";

/** Servers answer others in XML, so a key must be a name there and a value text. */
const FORM: FlatMetadataForm = {
  prefix: "heddle.",
  isKey: (key) => key !== ZONE && /^[A-Za-z_][\w.-]{0,254}$/.test(key) && !/^xml/i.test(key),
  isValue: (value) =>
    !/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.test(value) && value.isWellFormed(),
  maxValueBytes: 16 * 1024,
};

function placeOf(
  info: Fields,
  which: EurekaReading["address"],
  prefer: EurekaReading["prefer"],
): { readonly address: string; readonly tls: boolean } | undefined {
  const [ip, name] = [textAt(info, "ipAddr"), textAt(info, "hostName")];
  const host = which === "ip" ? ip || name : name || ip;
  const [plain, secure] = [readPort(info["port"]), readPort(info["securePort"])];
  const tls = secure !== undefined && (plain === undefined || prefer === "secure");
  const address = formatAddress({ kind: "tcp", host, port: (tls ? secure : plain) ?? 0 });
  return typeof parseAddress(address) === "string" ? undefined : { address, tls };
}

/** Undefined when it is off. */
function readPort(value: unknown): number | undefined {
  if (!isJsonObject(value)) return undefined;
  const port = Number(scalar(value["$"]));
  return scalar(value["@enabled"]) === "true" && Number.isInteger(port) ? port : undefined;
}

/** Numbers and flags come as themselves or as text. */
function scalar(value: unknown): string {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? String(value)
    : "";
}

function withoutClass({ "@class": _, ...rest }: Readonly<Record<string, string>>): Record<string, string> {
  return rest;
}

function amazonZone(info: Fields): string | undefined {
  return textsAt(fieldsAt(info, "dataCenterInfo"), "metadata")["availability-zone"] || undefined;
}
