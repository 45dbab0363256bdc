/** What stands between a client and a server in tests of the network: it passes bytes on as a test wants them. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";

export interface Relay {
  /** Where the client is to connect to. */
  readonly address: string;
  readonly connections: number;
  /** The connections that stand pass nothing on any more, not even their end; new ones work. */
  fallSilent(): void;
  /**
   * From now on what the client says arrives, and what the server says doesn't: on all connections, or on those on which the
   * client has said something of that kind, from then on.
   */
  loseAnswers(to?: (request: Buffer) => boolean): void;
  /** From now on nothing passes either way, on all connections; new ones are taken all the same. */
  cutOff(): void;
  /** Ends the connections that stand; new ones work. */
  mend(): void;
}

/** Relays to `target` until the test has ended; what it passes on comes `delayMs` later. */
export async function startRelay(t: TestContext, target: string, { delayMs = 0 } = {}): Promise<Relay> {
  const sockets: Socket[] = [];
  const silent = new Set<Socket>();
  let passes: "all" | "requests" | "nothing" = "all";
  let isToBeLost: (request: Buffer) => boolean = () => true;
  const port = Number(target.slice(target.lastIndexOf(":") + 1));
  const listener = createServer({ noDelay: true }, (near) => {
    const far = connect({ port, host: "127.0.0.1", noDelay: true });
    let losesAnswers = false;
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.push(from);
      from.on("error", () => {});
      from.on("data", (chunk: Buffer) => {
        if (passes === "nothing") return;
        if (passes === "requests") losesAnswers ||= from === near && isToBeLost(chunk);
        if (losesAnswers && from === far) return;
        if (delayMs === 0) to.write(chunk);
        else setTimeout(() => to.write(chunk), delayMs);
      });
      from.on("close", () => {
        if (!silent.has(from)) to.destroy();
      });
    }
  }).listen(0, "127.0.0.1");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  });
  await once(listener, "listening");
  return {
    address: `127.0.0.1:${(listener.address() as AddressInfo).port}`,
    get connections() {
      return sockets.length / 2;
    },
    fallSilent() {
      for (const socket of sockets) {
        silent.add(socket);
        socket.pause();
      }
    },
    loseAnswers(to = () => true) {
      passes = "requests";
      isToBeLost = to;
    },
    cutOff() {
      passes = "nothing";
    },
    mend() {
      for (const socket of sockets) socket.destroy();
      passes = "all";
    },
  };
}
