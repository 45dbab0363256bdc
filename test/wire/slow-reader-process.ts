/**
 * Either end of the slow-reader test, in a process of its own: `server`, or `client` with the server's address.
 * The parent asks it for its figures, and makes its reader pause and go on.
 */
import { crc32 } from "node:zlib";
import { createClient } from "@connectrpc/connect";
import { createServer, createTransport, implement } from "heddle";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";

export const MESSAGES = 10_000;
export const MESSAGE_BYTES = 64 * 1024;

export type Direction = "serverStream" | "clientStream";
export type Command =
  | { readonly do: "pause" | "resume" | "figures" }
  | { readonly do: "run"; readonly direction: Direction };

export interface Figures {
  readonly written: number;
  readonly read: number;
  /** By how much resident memory has grown at its highest since the process began with it, in bytes. */
  readonly grownBytes: number;
}

export type Report =
  | { readonly address: string }
  | { readonly figures: Figures }
  | { readonly done: Direction }
  | { readonly failed: string };

let written = 0;
let read = 0;
let resumed: PromiseWithResolvers<void> | undefined;

async function* write(): AsyncGenerator<{ payload: Uint8Array }> {
  for (let n = 0; n < MESSAGES; n++) {
    const payload = new Uint8Array(MESSAGE_BYTES).fill(n % 251);
    const view = new DataView(payload.buffer);
    view.setUint32(4, n);
    view.setUint32(0, crc32(payload.subarray(4)));
    written++;
    yield { payload };
  }
}

/** Takes the next message: throws when it is not the one that is due, or damaged. */
async function take(payload: Uint8Array | undefined): Promise<void> {
  if (payload?.length !== MESSAGE_BYTES) throw new Error(`message ${read} has ${payload?.length} bytes`);
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  if (view.getUint32(4) !== read)
    throw new Error(`message ${view.getUint32(4)} came in the place of ${read}`);
  if (view.getUint32(0) !== crc32(payload.subarray(4))) throw new Error(`message ${read} is damaged`);
  read++;
  if (resumed !== undefined) await resumed.promise;
}

function allRead(): void {
  if (read !== MESSAGES) throw new Error(`${read} messages came`);
}

async function serve(): Promise<void> {
  const server = await createServer({
    services: [
      implement(EchoService, {
        async *serverStream() {
          for await (const { payload } of write()) yield { echo: { payload } };
        },
        async clientStream(requests) {
          for await (const { payload } of requests) await take(payload);
          allRead();
          return {};
        },
      }),
    ],
  });
  report({ address: server.address });
}

async function call(address: string, direction: Direction): Promise<void> {
  await using transport = createTransport({ target: address });
  const client = createClient(EchoService, transport);
  const options = { timeoutMs: 60_000 };
  if (direction === "clientStream") await client.clientStream(write(), options);
  else {
    for await (const { echo } of client.serverStream({}, options)) await take(echo?.payload);
    allRead();
  }
}

function report(message: Report): void {
  process.send?.(message);
}

function run(direction: Direction): void {
  call(address, direction).then(
    () => report({ done: direction }),
    (error: unknown) => report({ failed: String(error) }),
  );
}

const highestBytes = () => process.resourceUsage().maxRSS * 1024;

const startedBytes = highestBytes();

const [role, address = ""] = process.argv.slice(2);

process.on("message", (command: Command) => {
  if (command.do === "run") run(command.direction);
  else if (command.do === "pause") resumed ??= Promise.withResolvers<void>();
  else if (command.do === "figures")
    report({ figures: { written, read, grownBytes: highestBytes() - startedBytes } });
  else {
    resumed?.resolve();
    resumed = undefined;
  }
});

if (role === "server") await serve();
