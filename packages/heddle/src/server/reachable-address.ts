/**
 * The address under which others reach a server that listens at `address`.
 */
import { networkInterfaces } from "node:os";
import { formatAddress, parseAddress } from "../call/address.ts";

/** What others can reach: for "all addresses" the first one of the machine that is not loopback. */
export function reachableAddress(address: string): string {
  const parsed = parseAddress(address);
  if (typeof parsed === "string" || parsed.kind !== "tcp" || !["0.0.0.0", "::"].includes(parsed.host))
    return address;
  for (const addresses of Object.values(networkInterfaces())) {
    for (const { address: host, internal, family } of addresses ?? []) {
      if (!internal && family === "IPv4") return formatAddress({ kind: "tcp", host, port: parsed.port });
    }
  }
  return formatAddress({ kind: "tcp", host: "127.0.0.1", port: parsed.port });
}
