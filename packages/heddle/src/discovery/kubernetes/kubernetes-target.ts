/**
 * What a target asks Kubernetes for. A Service by its name, in the default namespace or another, as
 * `kubernetes:///orders`, `kubernetes:///shop/orders`, `kubernetes:///orders.shop:grpc`; or a contract,
 * `heddle:///shop.v1.OrderService`, which every Service answers that carries its label.
 */
import { invalidTarget, type Target } from "../target.ts";
import { refuseTargetOptions } from "../target-options.ts";
import { SERVICE_NAME_LABEL } from "./endpoint-slice.ts";
import { contractLabel } from "./service-labels.ts";

export interface SliceQuery {
  /** Undefined: the default one. */
  readonly namespace: string | undefined;
  readonly labelSelector: string;
  /** Name or number; undefined: the one that is clearly meant. */
  readonly port: string | undefined;
  /** The full name when the target is a contract. */
  readonly contract: string | undefined;
}

/** Throws `targetInvalid` for names that Kubernetes can't have and for settings that it has not. */
export function toSliceQuery(target: Target): SliceQuery {
  const fault = (reason: string) => invalidTarget(target, reason);
  refuseTargetOptions(target, "kubernetes", ["namespace", "port"]);
  const [, inPath, rest = "", inName] = /^(?:([^/]*)\/)?([^/:]*)(?::([^/:]*))?$/.exec(target.name) ?? [];
  const port = target.query["port"] ?? inName;
  if (port !== undefined && !isPort(port)) throw fault("a port is a number from 1 to 65535, or a name");
  const isContract = /\.[A-Z][^.]*$/.test(rest);
  const [service = "", inDomain, ...more] = isContract ? [] : rest.split(".");
  const namespace = inPath ?? inDomain ?? target.query["namespace"];
  if (namespace !== undefined && !isLabelName(namespace)) throw fault("that is no name of a namespace");
  if (isContract) return { namespace, port, contract: rest, labelSelector: contractLabel(rest) };
  if (!isLabelName(service) || more.length > 0)
    throw fault("write service, namespace/service or a contract such as shop.v1.OrderService");
  return { namespace, port, contract: undefined, labelSelector: `${SERVICE_NAME_LABEL}=${service}` };
}

/** RFC 1123: what names of Services and namespaces may be. */
function isLabelName(text: string): boolean {
  return text.length <= 63 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(text);
}

/** https://kubernetes.io/docs/concepts/services-networking/service/#field-spec-ports */
function isPort(text: string): boolean {
  return /^\d+$/.test(text) ? Number(text) >= 1 && Number(text) <= 65_535 : isLabelName(text);
}
