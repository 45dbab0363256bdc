/**
 * An EndpointSlice as the Kubernetes API writes it, reduced to what a caller needs. A Service is the union of all
 * slices that carry its name as a label: they are split by address family, by size, and by which ports pods offer.
 *
 * https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoint-slice-v1/
 */
import {
  type Fields,
  fieldsAt,
  listAt,
  textAt,
  textListAt,
  textsAt,
  toFields,
} from "../fields/json-fields.ts";

export interface EndpointSlice {
  /** "namespace/name": names alone are unique in one namespace only. */
  readonly key: string;
  readonly namespace: string;
  readonly resourceVersion: string;
  /** Both are mirrored from the Service by the controller that writes the slice. */
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly addressType: AddressType;
  readonly ports: readonly SlicePort[];
  readonly endpoints: readonly SliceEndpoint[];
}

export type AddressType = "IPv4" | "IPv6" | "FQDN";

export interface SlicePort {
  readonly name: string;
  /** Undefined stands for all ports. */
  readonly port: number | undefined;
  readonly appProtocol: string;
}

export interface SliceEndpoint {
  /** Equal ways to one pod, in the order given. Never empty. */
  readonly addresses: readonly string[];
  /** Name of the pod behind it; empty when the slice was written by hand. */
  readonly targetName: string;
  readonly use: EndpointUse;
  readonly zone: string;
  readonly node: string;
  readonly forZones: readonly string[];
}

/**
 * - `ready`: takes new calls. A slice that says nothing about it means that.
 * - `leaving`: terminating, and still serves: for new calls only while nothing is ready.
 * - `none`: not ready yet, or no longer.
 */
export type EndpointUse = "ready" | "leaving" | "none";

/** The label that ties a slice to its Service. */
export const SERVICE_NAME_LABEL = "kubernetes.io/service-name";

/** Reads one object of a list or a watch. Throws when it is no EndpointSlice; what is optional may be missing or null. */
export function readEndpointSlice(value: unknown): EndpointSlice {
  const slice = toFields(value);
  const metadata = fieldsAt(slice, "metadata");
  const name = textAt(metadata, "name");
  const namespace = textAt(metadata, "namespace");
  const addressType = textAt(slice, "addressType");
  if (name === "" || namespace === "") throw new Error("an EndpointSlice without name and namespace");
  return {
    key: `${namespace}/${name}`,
    namespace,
    resourceVersion: textAt(metadata, "resourceVersion"),
    labels: textsAt(metadata, "labels"),
    annotations: textsAt(metadata, "annotations"),
    addressType: addressType === "IPv6" || addressType === "FQDN" ? addressType : "IPv4",
    ports: listAt(slice, "ports").map(toFields).filter(isTcp).map(readPort),
    endpoints: listAt(slice, "endpoints")
      .map((endpoint) => readEndpoint(toFields(endpoint)))
      .filter(({ addresses }) => addresses.length > 0),
  };
}

function isTcp(port: Fields): boolean {
  return (textAt(port, "protocol") || "TCP") === "TCP";
}

function readPort(port: Fields): SlicePort {
  const number = port["port"];
  return {
    name: textAt(port, "name"),
    port: typeof number === "number" ? number : undefined,
    appProtocol: textAt(port, "appProtocol"),
  };
}

function readEndpoint(endpoint: Fields): SliceEndpoint {
  return {
    addresses: textListAt(endpoint, "addresses").filter((one) => one !== ""),
    targetName: textAt(fieldsAt(endpoint, "targetRef"), "name"),
    use: readUse(fieldsAt(endpoint, "conditions")),
    zone: textAt(endpoint, "zone"),
    node: textAt(endpoint, "nodeName"),
    forZones: listAt(fieldsAt(endpoint, "hints"), "forZones")
      .map((zone) => textAt(toFields(zone), "name"))
      .filter(Boolean),
  };
}

/** Missing conditions mean ready, and serving as far as ready goes; only "terminating" has to be said. */
function readUse(conditions: Fields): EndpointUse {
  if (conditions["ready"] !== false) return "ready";
  return conditions["terminating"] === true && conditions["serving"] === true ? "leaving" : "none";
}
