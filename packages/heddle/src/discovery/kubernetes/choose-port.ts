/**
 * Which port of a slice a call goes to. A Service often has a second one for metrics or administration, and a call
 * that reaches that by accident fails in ways that nobody understands: so it is chosen only where it is clear.
 */
import type { SlicePort } from "./endpoint-slice.ts";

/** A port with its number, or undefined when none of them is clearly meant. `wanted` is a name or a number. */
export function choosePort(ports: readonly SlicePort[], wanted: string | undefined): ChosenPort | undefined {
  if (wanted !== undefined && /^\d+$/.test(wanted)) {
    const number = Number(wanted);
    const listed = ports.find(({ port }) => port === number);
    return { port: number, name: listed?.name ?? "", appProtocol: listed?.appProtocol ?? "" };
  }
  const candidates = ports.filter(hasNumber);
  if (wanted !== undefined) return candidates.find(({ name }) => name === wanted);
  return (
    candidates.find(({ name }) => name === "grpc") ??
    candidates.find(({ name }) => name === "http2") ??
    candidates.find(({ appProtocol }) => H2_PROTOCOLS.has(appProtocol)) ??
    (candidates.length === 1 ? candidates[0] : undefined)
  );
}

export interface ChosenPort extends SlicePort {
  readonly port: number;
}

/** For people: "admin (9090), http (8080)". */
export function describePorts(ports: readonly SlicePort[]): string {
  return ports.map(({ name, port }) => `${name || "unnamed"} (${port ?? "any"})`).join(", ") || "none";
}

function hasNumber(port: SlicePort): port is ChosenPort {
  return port.port !== undefined;
}

const H2_PROTOCOLS: ReadonlySet<string> = new Set(["kubernetes.io/h2c", "grpc"]);
