/** Asks for JSON over plain HTTP/1.1: the control plane's `/api/v1/`, or Prometheus. Several hosts are asked one after the other. */
import { reasonText } from "../call/errors.ts";
import type { RegistryTls } from "./registry-client.ts";

export interface AskHttpOptions {
  readonly timeoutMs: number;
  readonly tls?: RegistryTls | undefined;
}

export interface HttpJson {
  readonly status: number;
  readonly value: unknown;
}

/** `urls` are equal: the first that answers counts. Rejects when none does, or what it says is no JSON. */
export async function askHttp(
  urls: readonly string[],
  { timeoutMs, tls }: AskHttpOptions,
): Promise<HttpJson> {
  const { Client } = await import("undici");
  const failures: string[] = [];
  for (const url of urls) {
    const { origin, pathname, search, host } = new URL(url);
    const { ca, cert, key, serverName } = tls ?? {};
    const connect = {
      timeout: timeoutMs,
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(serverName === undefined ? {} : { servername: serverName }),
    };
    const client = new Client(origin, { connect, headersTimeout: timeoutMs, bodyTimeout: timeoutMs });
    try {
      const { statusCode, body } = await client.request({ method: "GET", path: pathname + search });
      return { status: statusCode, value: await body.json() };
    } catch (error) {
      failures.push(`${host}: ${reasonText(error)}`);
    } finally {
      await client.destroy();
    }
  }
  throw new Error(failures.join("; "));
}
