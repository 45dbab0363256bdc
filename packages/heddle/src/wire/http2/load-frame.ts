/**
 * LOAD: an extension frame of ours (RFC 9113 §5.5) by which a server says how busy it is.
 *
 * A client that wants to know sends an empty one, which is a probe; the server answers at once with the figures and the
 * ACK flag. Without being asked it sends them along with answers to calls, now and then. A probe so costs 9 bytes there
 * and 29 back, no stream and no header compression, and goes no further than the connection: a proxy between has a load
 * of its own. Nobody gets such frames who has not announced by SETTINGS_LOAD that he understands them; all others would
 * ignore them.
 */
import type { LoadReport } from "../../call/load-report.ts";
import type { ByteWriter } from "../byte-writer.ts";
import { FLAG_ACK, FRAME_LOAD } from "./constants.ts";
import { writeFrameHeader } from "./frame-writer.ts";

const FIGURES = 5;
/** Figures are 32-bit floats, big-endian: -1 says unknown as well as it does elsewhere. */
export const LOAD_BYTES = 4 * FIGURES;

export function writeLoadProbe(out: ByteWriter): void {
  writeFrameHeader(out, 0, FRAME_LOAD, 0, 0);
}

/** `probed`: it answers a probe. */
export function writeLoadReport(out: ByteWriter, load: LoadReport, probed: boolean): void {
  writeFrameHeader(out, LOAD_BYTES, FRAME_LOAD, probed ? FLAG_ACK : 0, 0);
  scratch.setFloat32(0, load.requestsInFlight);
  scratch.setFloat32(4, load.latencyMs);
  scratch.setFloat32(8, load.utilization);
  scratch.setFloat32(12, load.requestsPerSecond);
  scratch.setFloat32(16, load.errorsPerSecond);
  out.write(scratchBytes);
}

/** Reads `bytes[start, start + LOAD_BYTES)`; undefined when a figure cannot be. */
export function readLoadReport(bytes: Uint8Array, start: number): LoadReport | undefined {
  for (let i = 0; i < LOAD_BYTES; i++) scratchBytes[i] = bytes[start + i] as number;
  const figures = {
    requestsInFlight: scratch.getFloat32(0),
    latencyMs: scratch.getFloat32(4),
    utilization: scratch.getFloat32(8),
    requestsPerSecond: scratch.getFloat32(12),
    errorsPerSecond: scratch.getFloat32(16),
  };
  const { requestsInFlight, latencyMs, utilization, requestsPerSecond, errorsPerSecond } = figures;
  const isSound =
    isFigure(requestsInFlight, 0) &&
    isFigure(latencyMs, -1) &&
    isFigure(utilization, -1) &&
    isFigure(requestsPerSecond, 0) &&
    isFigure(errorsPerSecond, 0);
  return isSound ? figures : undefined;
}

function isFigure(value: number, least: number): boolean {
  return value >= least && value < Number.POSITIVE_INFINITY;
}

const scratchBytes = new Uint8Array(LOAD_BYTES);
const scratch = new DataView(scratchBytes.buffer);
