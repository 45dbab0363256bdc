/**
 * Codes in configuration are gRPC's names; numbers are understood as well, as in gRPC's own service config.
 */
import { Code } from "@connectrpc/connect";
import { statusName } from "../call/status.ts";

/** gRPC's names of all codes but OK, in the order of their numbers. */
export const statusCodeNames: readonly string[] = Array.from({ length: Code.Unauthenticated }, (_, index) =>
  statusName(index + 1),
);

/** The code of a name such as `UNAVAILABLE`, in any case; undefined when there is none. */
export function statusCode(name: string): Code | undefined {
  const index = statusCodeNames.indexOf(name.toUpperCase());
  return index === -1 ? undefined : ((index + 1) as Code);
}
