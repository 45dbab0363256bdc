/**
 * `/api/v1/`: what the control plane keeps, as JSON over plain HTTP. It only reads. Shapes: `api.ts`.
 *
 * An answer about all services goes through all points of its time; so it is made once for whoever asks the same within a
 * second.
 */
import type { Clock } from "../../../runtime/clock.ts";
import type { Timers } from "../../../runtime/timer.ts";
import type { HttpAnswer, HttpPage } from "../../../server/http-page.ts";
import type { RegistryView } from "../registry.ts";
import type { ApiError, Services } from "./api.ts";
import { callPageOf, callsOf } from "./call-answers.ts";
import { findingsOf } from "./findings.ts";
import { liveEvents } from "./live-events.ts";
import {
  type AnswerParts,
  horizonOf,
  mapOf,
  overviewOf,
  servicePageOf,
  servicesOf,
  windowOf,
} from "./service-answers.ts";
import type { TelemetryStore } from "./telemetry-store.ts";

export interface ApiPageParts {
  readonly store: TelemetryStore;
  readonly registry: RegistryView;
  readonly clock: Clock;
  readonly timers: Timers;
}

export function createApiPage({ store, registry, clock, timers }: ApiPageParts): HttpPage {
  const kept = new Map<string, { readonly madeAtMs: number; readonly answer: HttpAnswer }>();
  let readers = 0;

  function answerTo(path: string, query: URLSearchParams): HttpAnswer {
    const nowMs = clock.now();
    for (const [text, { madeAtMs }] of kept) if (nowMs - madeAtMs >= KEPT_MS) kept.delete(text);
    const asked = `${path}?${query}`;
    const known = kept.get(asked);
    if (known !== undefined) return known.answer;
    const answer = make(path, query, { store, registry, nowMs: Math.round(clock.wallMs()) });
    if (kept.size < MAX_KEPT) kept.set(asked, { madeAtMs: nowMs, answer });
    return answer;
  }

  return {
    path: PATH,
    answer(query, _fields, { path, signal }) {
      if (path !== `${PATH}events`) return answerTo(path.slice(PATH.length), query);
      if (readers >= MAX_READERS) return problem(503, `${MAX_READERS} follow the events already`);
      readers++;
      signal.addEventListener("abort", () => readers--, { once: true });
      return {
        status: 200,
        contentType: "text/event-stream",
        fields: ["cache-control", "no-store"],
        body: liveEvents({ store, clock, timers, signal }),
      };
    },
  };
}

const PATH = "/api/v1/";
const KEPT_MS = 1_000;
const MAX_KEPT = 64;
const MAX_READERS = 64;

function make(path: string, query: URLSearchParams, parts: AnswerParts): HttpAnswer {
  const seconds = numberIn(query, "window", path.startsWith("service/") ? 900 : 300, 60, 21_600);
  const limit = numberIn(query, "limit", 100, 1, 500);
  const hops = numberIn(query, "hops", 1, 0, 5);
  for (const read of [seconds, limit, hops]) if (typeof read === "string") return problem(400, read);
  const [windowSeconds, most, steps] = [seconds, limit, hops] as [number, number, number];
  const { store, nowMs } = parts;
  const name = nameIn(path);
  switch (path.split("/")[0]) {
    case "overview":
      return json(overviewOf(parts, windowSeconds));
    case "services": {
      const window = windowOf(parts, windowSeconds);
      return json({ ...horizonOf(parts, window), services: servicesOf(parts, window) } satisfies Services);
    }
    case "service":
      return json(
        servicePageOf(parts, name, windowSeconds),
        `there is no service "${name}", and no figures of one`,
      );
    case "calls": {
      const [service, state, method, code, side, trace] = CALL_FILTERS.map(
        (filter) => query.get(filter) || null,
      );
      return json(
        callsOf(
          store,
          {
            service: service ?? null,
            state: state ?? null,
            method: method ?? null,
            code: code ?? null,
            side: side ?? null,
            trace: trace ?? null,
            limit: most,
          },
          nowMs,
        ),
      );
    }
    case "call":
      return json(callPageOf(store, name, nowMs), `the call "${name}" is not kept, or not any more`);
    case "map": {
      const service = query.get("service") || undefined;
      return json(mapOf(parts, windowSeconds, service === undefined ? undefined : { service, hops: steps }));
    }
    case "findings": {
      const service = query.get("service");
      const findings = findingsOf(parts).filter((finding) => !service || finding.service === service);
      return json({ nowMs, findings });
    }
    default:
      return problem(
        404,
        "there are overview, services, service/<name>, calls, call/<id>, map, findings and events",
      );
  }
}

const CALL_FILTERS = ["service", "state", "method", "code", "side", "trace"] as const;

/** Behind the first slash, as in a URL. */
function nameIn(path: string): string {
  const name = path.slice(path.indexOf("/") + 1);
  try {
    return decodeURIComponent(name).slice(0, 300);
  } catch {
    return name.slice(0, 300);
  }
}

/** The number, or what is wrong with it. */
function numberIn(query: URLSearchParams, name: string, byDefault: number, least: number, most: number) {
  const text = query.get(name);
  if (text === null || text === "") return byDefault;
  const value = Number(text);
  return Number.isInteger(value) && value >= least && value <= most
    ? value
    : `${name}: a whole number from ${least} to ${most}`;
}

/** What is infinite is null. */
function json(value: object | undefined, otherwise = ""): HttpAnswer {
  if (value === undefined) return problem(404, otherwise);
  return {
    status: 200,
    contentType: "application/json",
    body: JSON.stringify(value),
    fields: ["cache-control", "no-store"],
  };
}

function problem(status: number, error: string): HttpAnswer {
  const body = JSON.stringify({ error } satisfies ApiError);
  return { status, contentType: "application/json", body };
}
