/**
 * The registry as Prometheus reads it: `GET /prometheus/sd`, the HTTP form of service discovery
 * (https://prometheus.io/docs/prometheus/latest/http_sd/). One group for each instance, for each has labels of its own.
 *
 * An instance is scraped at its own address, unless its metadata says otherwise (`METRICS_PLACE`): meshes whose metrics
 * listen elsewhere, or are off, write it. Labels that begin with `__meta_` are there for relabelling.
 */
import { create } from "@bufbuild/protobuf";
import { formatAddress, parseAddress } from "../../call/address.ts";
import { ConnectError } from "@connectrpc/connect";
import {
  type Instance,
  InstanceFilterSchema,
  InstanceHealth,
} from "../../gen/heddle/registry/v1/registry_pb.ts";
import type { Clock } from "../../runtime/clock.ts";
import { METRICS_PLACE } from "../../discovery/metrics-place.ts";
import type { HttpAnswer, HttpPage } from "../../server/http-page.ts";
import type { RegistryView } from "./registry.ts";

/** The query may hold `service` (a name, as in Watch), `zone`, `version`, `contract` and `healthy=true`. */
export function createPrometheusPage(registry: RegistryView, clock: Clock): HttpPage {
  const kept = new Map<string, KeptAnswer>();
  return {
    path: "/prometheus/sd",
    answer(query) {
      const nowMs = clock.now();
      for (const [text, { madeAtMs }] of kept) if (nowMs - madeAtMs >= KEPT_MS) kept.delete(text);
      const asked = query.toString();
      const known = kept.get(asked);
      if (known !== undefined) return known.answer;
      const unknown = [...query.keys()].find((name) => !KNOWN.has(name));
      if (unknown !== undefined)
        return text(400, `${unknown}: there is no such parameter; known: ${[...KNOWN].join(", ")}`);
      const filter = create(InstanceFilterSchema, {
        zone: query.get("zone") ?? "",
        version: query.get("version") ?? "",
        contract: query.get("contract") ?? "",
        healthyOnly: query.get("healthy") === "true",
      });
      try {
        // What Prometheus gets replaces what it had, so a registry that doesn't know everybody yet doesn't answer.
        const { complete, instances } = registry.list(query.get("service") ?? "", filter);
        if (!complete) return text(503, "the registry has just started and does not know all instances yet");
        const body = new TextEncoder().encode(JSON.stringify(instances.flatMap(toGroups)));
        const answer: HttpAnswer = { status: 200, contentType: "application/json", body };
        if (kept.size < MAX_KEPT) kept.set(asked, { madeAtMs: nowMs, answer });
        return answer;
      } catch (error) {
        return text(400, ConnectError.from(error).rawMessage);
      }
    },
  };
}

/**
 * To write down 100 000 instances takes half a second in which nothing else happens. Prometheus asks once a minute; whoever
 * asks more often gets the same answer for a second.
 */
const KEPT_MS = 1_000;
const MAX_KEPT = 16;

interface KeptAnswer {
  readonly madeAtMs: number;
  readonly answer: HttpAnswer;
}

const KNOWN: ReadonlySet<string> = new Set(["service", "zone", "version", "contract", "healthy"]);

const HEALTH: Readonly<Partial<Record<InstanceHealth, string>>> = {
  [InstanceHealth.HEALTHY]: "healthy",
  [InstanceHealth.UNHEALTHY]: "unhealthy",
};

interface TargetGroup {
  readonly targets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** Nothing for an instance that cannot be scraped over TCP. */
function toGroups(instance: Instance): readonly TargetGroup[] {
  const { id, service, zone, version, metadata, tls, health, draining } = instance;
  const address = parseAddress(instance.address);
  if (typeof address === "string" || address.kind !== "tcp") return [];
  if (metadata[METRICS_PLACE.off] === "off") return [];
  const port = Number(metadata[METRICS_PLACE.port] ?? address.port);
  const { [METRICS_PLACE.host]: elsewhere = "" } = metadata;
  const host = /^[\w.:-]+$/.test(elsewhere) ? elsewhere : address.host;
  const target = formatAddress({ ...address, host, port: isPort(port) ? port : address.port });
  const isTls = (metadata[METRICS_PLACE.scheme] ?? (tls === true ? "https" : "http")) === "https";
  const path = metadata[METRICS_PLACE.path];
  const labels: Record<string, string> = {
    __meta_heddle_service: service,
    __meta_heddle_instance: id,
    __meta_heddle_health: HEALTH[health] ?? "unknown",
    __meta_heddle_draining: String(draining),
    ...(zone === "" ? {} : { __meta_heddle_zone: zone }),
    ...(version === "" ? {} : { __meta_heddle_version: version }),
    ...(isTls ? { __scheme__: "https" } : {}),
    ...(path === undefined ? {} : { __metrics_path__: path }),
  };
  for (const [name, value] of Object.entries(metadata))
    labels[`__meta_heddle_metadata_${name.replace(/[^a-zA-Z0-9_]/g, "_")}`] = value;
  return [{ targets: [target], labels }];
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65_535;
}

function text(status: number, sentence: string): HttpAnswer {
  return { status, contentType: "text/plain; charset=utf-8", body: `${sentence}\n` };
}
