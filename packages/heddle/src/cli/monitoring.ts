/** `heddle monitoring`: files for Prometheus, Alertmanager, its operator and Grafana, made from the table of what is measured. */
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { invalidOption } from "../call/check-option.ts";
import { nearest } from "../call/nearest.ts";
import { alertmanagerConfig } from "../monitoring/alertmanager-config.ts";
import { alertRules } from "../monitoring/alert-rules.ts";
import { grafanaProvisioning } from "../monitoring/grafana-provisioning.ts";
import { podMonitor, prometheusRule } from "../monitoring/operator-objects.ts";
import { prometheusConfig } from "../monitoring/prometheus-config.ts";
import { recordingRules } from "../monitoring/recording-rules.ts";
import type { RuleGroup } from "../monitoring/rule-group.ts";
import { parseSlos, type Slo } from "../monitoring/slo.ts";
import { sloRules } from "../monitoring/slo-rules.ts";
import { DEFAULT_REGISTRY_ADDRESS } from "../discovery/registry-address.ts";
import { checkFile, readConfigFile } from "./config-file.ts";

export interface MonitoringOptions {
  /** Folder that the files are written to. Default `monitoring`. */
  readonly out?: string | undefined;
  /** File with objectives. Default: none are watched. */
  readonly slo?: string | undefined;
  /** The control plane as Prometheus reaches it: `host:port` or a URL. */
  readonly registry?: string | undefined;
  readonly alertmanager?: string | undefined;
  /** URL of Prometheus as Grafana reaches it. */
  readonly prometheus?: string | undefined;
  readonly namespace?: string | undefined;
  /** Seconds between two scrapes. */
  readonly interval?: string | undefined;
  readonly "time-scale"?: string | undefined;
  readonly force?: boolean | undefined;
}

const KINDS = ["prometheus", "rules", "alertmanager", "operator", "grafana"] as const;
type Kind = (typeof KINDS)[number];

export const MONITORING_USAGE = `monitoring takes one or more of ${KINDS.join(", ")}, or all`;

/** By path below the folder. */
type Files = Map<string, string>;

/** The exit code; undefined for arguments that make no command. */
export async function monitoring(
  args: readonly string[],
  options: MonitoringOptions,
): Promise<number | undefined> {
  if (args.length === 0) return undefined;
  const unknown = args.find((one) => one !== "all" && !KINDS.includes(one as Kind));
  if (unknown !== undefined) {
    const meant = nearest(unknown, KINDS);
    process.stderr.write(
      `heddle monitoring: there is no ${unknown}${meant === undefined ? "" : `; did you mean ${meant}?`}\n`,
    );
    return undefined;
  }
  const wanted = args.includes("all") ? KINDS : KINDS.filter((kind) => args.includes(kind));
  const slos = await readSlos(options.slo);
  if (slos === undefined) return 1;
  const timeScale = numberOf("time-scale", options["time-scale"], 1);
  const groups: Readonly<Record<string, readonly RuleGroup[]>> = {
    "heddle-recorded": [recordingRules({ timeScale })],
    "heddle-alerts": [alertRules({ timeScale })],
    ...(slos.length === 0 ? {} : { "heddle-slo": slos.flatMap((slo) => sloRules(slo, { timeScale })) }),
  };
  const files: Files = new Map();
  for (const kind of wanted) await MAKERS[kind](files, groups, options);
  return write(files, options);
}

const MAKERS: Readonly<
  Record<
    Kind,
    (
      files: Files,
      groups: Readonly<Record<string, readonly RuleGroup[]>>,
      options: MonitoringOptions,
    ) => void | Promise<void>
  >
> = {
  async prometheus(files, _groups, { registry, alertmanager, interval }) {
    const config = prometheusConfig({
      controlPlane: urlOf(registry ?? (process.env["HEDDLE_REGISTRY"] || DEFAULT_REGISTRY_ADDRESS)),
      alertmanager,
      intervalSeconds: numberOf("interval", interval, 15),
      ruleFiles: ["rules/*.yml"],
    });
    files.set("prometheus.yml", await yaml(config));
  },
  async rules(files, groups) {
    for (const [name, some] of Object.entries(groups))
      files.set(`rules/${name}.yml`, await yaml({ groups: some }));
  },
  async alertmanager(files) {
    const example = { pageUrl: "http://127.0.0.1:9095/page", ticketUrl: "http://127.0.0.1:9095/ticket" };
    files.set("alertmanager.yml", await yaml(alertmanagerConfig(example)));
  },
  async operator(files, groups, { namespace = "monitoring" }) {
    files.set("operator/pod-monitor.yml", await yaml(podMonitor({ namespace, port: "metrics" })));
    for (const [name, some] of Object.entries(groups))
      files.set(`operator/${name}.yml`, await yaml(prometheusRule(name, some, { namespace })));
  },
  async grafana(files, _groups, { prometheus = "http://127.0.0.1:9090", interval }) {
    const intervalSeconds = numberOf("interval", interval, 15);
    for (const [path, value] of Object.entries(grafanaProvisioning({ prometheus, intervalSeconds })))
      files.set(`grafana/${path}`, await yaml(value));
    for (const name of (await readdir(DASHBOARDS)).filter((one) => one.endsWith(".json")))
      files.set(`grafana/dashboards/${name}`, await readFile(join(DASHBOARDS, name), "utf8"));
  },
};

/** They come with the package, made when it was built. */
const DASHBOARDS = fileURLToPath(new URL("../../dashboards/", import.meta.url));

async function readSlos(path: string | undefined): Promise<readonly Slo[] | undefined> {
  if (path === undefined) return [];
  const { value, text } = await readConfigFile("slo", path);
  const parsed = parseSlos(value);
  if (parsed.faults === undefined) return parsed.slos;
  await checkFile(parsed, text, path);
  process.stderr.write("next: docs/guides/monitoring.md has all fields\n");
  return undefined;
}

/** Those that are there and say something else stay: people change such files. */
async function write(
  files: Files,
  { out = "monitoring", force = false }: MonitoringOptions,
): Promise<number> {
  const kept: string[] = [];
  for (const [name, text] of files) {
    const path = join(out, name);
    await mkdir(dirname(path), { recursive: true });
    const known = await readFile(path, "utf8").catch(() => undefined);
    if (known === text) continue;
    if (known === undefined || force) {
      await writeFile(path, text);
      process.stdout.write(`${path}\n`);
    } else kept.push(path);
  }
  for (const path of kept) process.stderr.write(`heddle monitoring: ${path} is there already, and differs\n`);
  if (kept.length > 0) process.stderr.write("next: --force writes over them\n");
  return kept.length > 0 ? 1 : 0;
}

async function yaml(value: object): Promise<string> {
  const { stringify } = await import("yaml");
  return `# Made by heddle monitoring.\n${stringify(value, { lineWidth: 0, aliasDuplicateObjects: false })}`;
}

function urlOf(registry: string): string {
  const [, scheme = "http", host] = /^(?:(https?|heddle):\/\/)?([^/?#@,]+:\d+)\/?$/.exec(registry) ?? [];
  if (host === undefined)
    throw invalidOption(
      "registry",
      `it is one control plane, host:port or http(s)://host:port, not ${registry}`,
    );
  return `${scheme === "https" ? "https" : "http"}://${host}`;
}

function numberOf(option: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!(value > 0 && value <= 3600)) throw invalidOption(option, `it is a number above 0, not ${text}`);
  return value;
}
