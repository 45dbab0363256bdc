/** An Alertmanager of a test's own, Debian's, and who is told by it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-ports.ts";
import { until } from "./within.ts";

export interface Notification {
  /** Path that it came to. */
  readonly path: string;
  readonly status: "firing" | "resolved";
  readonly alerts: readonly {
    readonly status: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  }[];
}

export interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly notifications: readonly Notification[];
}

/** Whom a webhook of Alertmanager calls. */
export async function startReceiver(): Promise<Receiver> {
  const notifications: Notification[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
    request.on("end", () => {
      notifications.push({ ...(JSON.parse(body) as Notification), path: request.url ?? "" });
      response.end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    notifications,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

export interface Alertmanager extends AsyncDisposable {
  readonly address: string;
}

export async function startAlertmanager(config: string): Promise<Alertmanager> {
  const folder = await mkdtemp(join(tmpdir(), "heddle-alertmanager-"));
  const address = `127.0.0.1:${await freePort()}`;
  const child = spawn(
    "prometheus-alertmanager",
    [
      `--config.file=${config}`,
      `--storage.path=${folder}`,
      `--web.listen-address=${address}`,
      "--cluster.listen-address=",
      "--log.level=warn",
    ],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  async function close(): Promise<void> {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    }
    await rm(folder, { recursive: true });
  }
  try {
    await until(
      async () => (await fetch(`http://${address}/-/ready`).catch(() => undefined))?.ok === true,
      "Alertmanager",
    );
  } catch (error) {
    await close();
    throw error;
  }
  return { address, [Symbol.asyncDispose]: close };
}
