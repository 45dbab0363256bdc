/**
 * A Prometheus of a test's own, Debian's: one that scrapes some targets every second and takes native histograms, or one
 * with a configuration of its own.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "./free-ports.ts";
import { within } from "./within.ts";

export interface Prometheus extends AsyncDisposable {
  /** What an instant query gives; `[]` for no series. */
  query(expression: string): Promise<readonly PrometheusSample[]>;
  /** Any page of its API below `/api/v1/`, its `data`. */
  ask(path: string): Promise<unknown>;
}

export interface PrometheusSample {
  readonly metric: Readonly<Record<string, string>>;
  /** When, and what. */
  readonly value?: readonly [number, string];
  readonly histogram?: readonly [number, { readonly count: string; readonly sum: string }];
}

export async function startPrometheus(
  scraped: readonly string[] | { readonly config: string },
): Promise<Prometheus> {
  const folder = await mkdtemp(join(tmpdir(), "heddle-prometheus-"));
  const port = await freePort();
  const isConfigured = "config" in scraped;
  const config = isConfigured ? scraped.config : join(folder, "prometheus.yml");
  if (!isConfigured)
    await writeFile(
      config,
      JSON.stringify({
        global: { scrape_interval: "1s", scrape_timeout: "1s" },
        scrape_configs: [{ job_name: "heddle", static_configs: [{ targets: scraped }] }],
      }),
    );
  const child = spawn(
    "prometheus",
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      `--enable-feature=exemplar-storage${isConfigured ? "" : ",native-histograms"}`,
      "--log.level=warn",
    ],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  const base = `http://127.0.0.1:${port}`;

  async function ask(path: string): Promise<unknown> {
    const answer = await fetch(`${base}/api/v1/${path}`);
    const { status, data, error } = (await answer.json()) as {
      status: string;
      data: unknown;
      error?: string;
    };
    if (status !== "success") throw new Error(`${path}: ${error}`);
    return data;
  }

  async function close(): Promise<void> {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    }
    await rm(folder, { recursive: true });
  }

  try {
    await within(isReady(base), "Prometheus", 30_000);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    ask,
    async query(expression) {
      const data = await ask(`query?query=${encodeURIComponent(expression)}`);
      return (data as { readonly result: readonly PrometheusSample[] }).result;
    },
    [Symbol.asyncDispose]: close,
  };
}

async function isReady(base: string): Promise<void> {
  for (;;) {
    const answer = await fetch(`${base}/-/ready`).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.ok === true) return;
    await sleep(50);
  }
}
