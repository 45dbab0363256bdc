/**
 * What a target asks of DNS. With a port it means hosts, whose addresses are the endpoints (`dns:///orders.internal:8080`, as
 * in gRPC). Without one, only SRV records can say where to go (RFC 2782): `dns:///orders` asks for `_grpc._tcp.orders`,
 * followed by the registry's suffix.
 */
import { isIP } from "node:net";
import { invalidTarget, type Target } from "../target.ts";
import { refuseTargetOptions } from "../target-options.ts";

export type DnsQuestion =
  | { readonly kind: "addresses"; readonly host: string; readonly port: number }
  | { readonly kind: "services"; readonly name: string };

export interface DnsNaming {
  /** Appended to names without a port that don't end in a dot. May be empty. */
  readonly suffix: string;
  readonly srv: string;
}

/** Values of `srv`: `on` puts `_grpc._tcp` before the name, `plain` nothing, `_service._protocol` that. */
export function isSrvForm(text: string): boolean {
  return text === "on" || text === "plain" || /^_[\w-]+\._(tcp|udp)$/i.test(text);
}

export const SRV_FORMS = "on, plain, or a prefix such as _http._tcp";

/** Throws `targetInvalid`. */
export function questionOf(target: Target, naming: DnsNaming): DnsQuestion {
  refuseTargetOptions(target, "dns", ["srv"]);
  const { srv: asked } = target.query;
  if (asked !== undefined && !isSrvForm(asked)) throw invalidTarget(target, `srv must be ${SRV_FORMS}`);

  const parts = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(target.name);
  if (parts) {
    if (asked !== undefined) throw invalidTarget(target, "SRV records bring the port: leave it out");
    const [host, port] = [parts[1] ?? parts[2] ?? "", Number(parts[3])];
    if (port < 1 || port > 65_535) throw invalidTarget(target, `port ${port} is not between 1 and 65535`);
    if (isIP(host) === 0) checkName(target, host);
    return { kind: "addresses", host: host.replace(/\.$/, ""), port };
  }

  const form = asked ?? naming.srv;
  const name = target.name.endsWith(".")
    ? target.name.slice(0, -1)
    : [target.name, naming.suffix].filter((part) => part !== "").join(".");
  const prefix = form === "on" ? "_grpc._tcp." : form === "plain" ? "" : `${form}.`;
  const full = name.startsWith("_") ? name : `${prefix}${name}`;
  checkName(target, full);
  return { kind: "services", name: full };
}

/** Lengths of RFC 1035, section 2.3.4. Underscores are no fault in SRV names, nor in practice. */
function checkName(target: Target, name: string): void {
  const labels = name.replace(/\.$/, "").split(".");
  const isName = name.length <= 253 && labels.every((label) => /^[\w-]{1,63}$/.test(label));
  if (!isName)
    throw invalidTarget(
      target,
      `"${name.slice(0, 100)}" is no name of DNS: labels of 1 to 63 letters, digits and -`,
    );
}
