/** The instances of a channel, and why some of them get no calls: for the record of a call that failed. */
import type { CandidateRecord } from "../call/record.ts";
import type { Subchannel } from "../connection/subchannel.ts";
import type { Endpoints } from "./endpoints.ts";

export interface Candidates {
  readonly shown: readonly CandidateRecord[];
  readonly omitted: number;
}

/** Those that get no calls first, at most 16 in all. */
export function candidatesOf(endpoints: Endpoints): Candidates {
  const excluded: CandidateRecord[] = [];
  const ready: CandidateRecord[] = [];
  let omitted = 0;
  for (const subchannel of endpoints.subchannels.values()) {
    const { state, why } = standingOf(subchannel, endpoints);
    const among = state === "ready" ? ready : excluded;
    if (among.length >= MAX_SHOWN) omitted++;
    else {
      const { id, address, inFlight } = subchannel;
      among.push({ instance: id, address, state, ...(why === "" ? {} : { why }), inFlight });
    }
  }
  for (const { id, address } of endpoints.draining()) {
    if (excluded.length >= MAX_SHOWN) omitted++;
    else excluded.push({ instance: id, address, state: "draining", inFlight: 0 });
  }
  const shown = [...excluded, ...ready];
  return { shown: shown.slice(0, MAX_SHOWN), omitted: omitted + Math.max(0, shown.length - MAX_SHOWN) };
}

const MAX_SHOWN = 16;

function standingOf(subchannel: Subchannel, { ejections, health, limits }: Endpoints) {
  const { state, standing, lastError, silent, unhealthy } = subchannel;
  if (state !== "ready") return { state, why: lastError };
  const fault = health.faultOf(subchannel);
  if (fault !== undefined) return { state: "unhealthy", why: fault };
  if (ejections.isOut(subchannel)) return { state: "ejected", why: standing?.because ?? "" };
  if (silent) return { state: "silent", why: "it does not answer when it is asked how busy it is" };
  if (unhealthy) return { state: "unhealthy", why: "the registry says so" };
  if (limits.isEngaged && limits.isFull(subchannel))
    return { state: "at its limit", why: `${limits.limitOf(subchannel)} calls at a time` };
  return { state, why: "" };
}
