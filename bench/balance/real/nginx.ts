/** nginx in front of a fleet, choosing by the least connections: what many have where a client cannot balance. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

export interface Proxy extends AsyncDisposable {
  readonly address: string;
}

/** @throws when there is no nginx: `node scripts/install-real.mjs nginx` brings it */
export async function startNginx(addresses: readonly string[]): Promise<Proxy> {
  const folder = await mkdtemp(join(tmpdir(), "heddle-nginx-"));
  const port = await freePort();
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `${kind}_temp_path ${folder}/${kind};`)
    .join(" ");
  // One worker, so that it knows all connections. Requests per connection without end, or it would close them meanwhile.
  await writeFile(
    join(folder, "nginx.conf"),
    `daemon off; worker_processes 1; pid ${folder}/pid; error_log stderr error;
events { worker_connections 4096; }
http {
  access_log off; ${temporary}
  keepalive_requests 100000000; http2_max_concurrent_streams 4096;
  upstream fleet {
    least_conn;
${addresses.map((address) => `    server ${address};`).join("\n")}
    keepalive 256; keepalive_requests 100000000;
  }
  server { listen 127.0.0.1:${port} http2; location / { grpc_pass grpc://fleet; grpc_socket_keepalive on; } }
}
`,
  );
  const child = spawn("nginx", ["-e", "stderr", "-p", folder, "-c", join(folder, "nginx.conf")], {
    env: { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin` },
    stdio: ["ignore", 2, 2],
  });
  await reached(port, child);
  return {
    address: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null) {
        const ended = once(child, "exit");
        child.kill("SIGTERM");
        await ended;
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const bound = server.address();
  server.close();
  await once(server, "close");
  if (bound === null || typeof bound === "string") throw new Error("a TCP server has no port");
  return bound.port;
}

async function reached(port: number, child: ChildProcess): Promise<void> {
  let failure: Error | undefined;
  child.on("error", (error) => {
    failure = new Error("nginx cannot be started; `node scripts/install-real.mjs nginx` installs it", {
      cause: error,
    });
  });
  for (let attempt = 0; attempt < 100; attempt++) {
    await delay(50);
    if (failure !== undefined) throw failure;
    if (child.exitCode !== null) throw new Error(`nginx ended with code ${child.exitCode}`);
    const socket = connect(port, "127.0.0.1");
    const isOpen = await Promise.race([
      once(socket, "connect").then(() => true),
      once(socket, "error").then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (isOpen) return;
  }
  throw new Error("nginx does not listen");
}
