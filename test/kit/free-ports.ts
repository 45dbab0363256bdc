/**
 * Ports for servers that must be told theirs before they start, and keep it over a restart.
 *
 * They are taken from below the range out of which systems number outgoing connections (32768 on Linux, 49152
 * elsewhere): a port of that range may belong to somebody's connection by the time its server comes back.
 */
import { once } from "node:events";
import { createServer } from "node:net";

const LOWEST = 20_000;
const HIGHEST = 32_000;

/** So many ports of 127.0.0.1, all different, that nobody listens on. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return true;
  } catch {
    return false;
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}
