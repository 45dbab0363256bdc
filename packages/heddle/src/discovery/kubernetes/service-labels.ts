/**
 * What a Service says about all its pods beyond Kubernetes' own fields. The EndpointSlice controller copies labels
 * and annotations of a Service to each of its slices, so a caller that may read nothing but slices sees them:
 *
 * - label `contract.heddle.dev/shop.v1.OrderService`: a contract that the Service answers; a caller selects by it;
 * - label `app.kubernetes.io/version`: version of the program;
 * - annotations `heddle.dev/contracts`, `heddle.dev/protocols` (comma-separated), `heddle.dev/tls` (on, off) and
 *   `heddle.dev/weight`.
 */
import { createHash } from "node:crypto";
import type { Endpoint } from "../endpoint.ts";
import { readCommaList } from "../fields/comma-list.ts";
import { type EndpointSlice, SERVICE_NAME_LABEL, type SlicePort } from "./endpoint-slice.ts";

export type ServiceTraits = Pick<Endpoint, "service" | "contracts" | "protocols" | "weight"> &
  Partial<Pick<Endpoint, "tls" | "version">>;

/** What labels and annotations of a slice say, and what the protocol of the chosen port says about TLS. */
export function readServiceTraits(slice: EndpointSlice, port: Pick<SlicePort, "appProtocol">): ServiceTraits {
  const { labels, annotations } = slice;
  const labelled = Object.keys(labels).map(contractOfLabel);
  const tls = readTls(annotations["heddle.dev/tls"], port.appProtocol);
  const version = labels["app.kubernetes.io/version"];
  const weight = Number(annotations["heddle.dev/weight"]?.trim() || 1);
  return {
    service: labels[SERVICE_NAME_LABEL] ?? "",
    contracts: [...new Set([...labelled, ...readCommaList(annotations["heddle.dev/contracts"])])]
      .filter((name) => name !== undefined)
      .toSorted(),
    protocols: readCommaList(annotations["heddle.dev/protocols"]),
    weight: Number.isSafeInteger(weight) && weight >= 0 ? weight : 1,
    ...(tls === undefined ? {} : { tls }),
    ...(version ? { version } : {}),
  };
}

/**
 * The label key of a contract. A key's name may have 63 characters at most and must begin and end with a letter or
 * digit; a contract that doesn't fit is told by the beginning of its SHA-256, as "sha256-" and 40 hexadecimal digits.
 */
export function contractLabel(contract: string): string {
  const fits = contract.length <= 63 && /^[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?$/.test(contract);
  if (fits) return `${CONTRACT_PREFIX}${contract}`;
  return `${CONTRACT_PREFIX}${HASHED}${createHash("sha256").update(contract).digest("hex").slice(0, 40)}`;
}

/** Undefined for another label, and for a hash, from which no name comes back. */
function contractOfLabel(label: string): string | undefined {
  if (!label.startsWith(CONTRACT_PREFIX)) return undefined;
  const name = label.slice(CONTRACT_PREFIX.length);
  return name.startsWith(HASHED) ? undefined : name;
}

/** The annotation counts first. https://kubernetes.io/docs/concepts/services-networking/service/#application-protocol */
function readTls(annotation: string | undefined, appProtocol: string): boolean | undefined {
  if (annotation === "on" || annotation === "true") return true;
  if (annotation === "off" || annotation === "false") return false;
  if (appProtocol === "https") return true;
  return appProtocol === "kubernetes.io/h2c" ? false : undefined;
}

const CONTRACT_PREFIX = "contract.heddle.dev/";
const HASHED = "sha256-";
