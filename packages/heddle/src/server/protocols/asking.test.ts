/** Requests by hand to a served Echo, for the tests of protocols: any head, any body, in pieces if need be. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { connectScriptedClient, type ScriptedStream, until } from "../../connection/scripted-peer.test.ts";
import { Echo } from "../../contract/echo-service.test.ts";
import { implement } from "../implement.ts";
import type { ServerOptions } from "../options.ts";
import { createServer } from "../server.ts";

export interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly type?: string;
  readonly fields?: Readonly<Record<string, string>>;
  /** In a DATA frame each, as the windows allow. */
  readonly body?: readonly Uint8Array[];
}

export interface Answered {
  readonly status: string | undefined;
  readonly fields: Headers;
  readonly body: Uint8Array;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

export interface World extends AsyncDisposable {
  ask(asked: Asked): Promise<Answered>;
  open(asked: Asked): ScriptedStream;
  readonly failures: unknown[];
}

let addresses = 0;

type Value = { readonly value: Uint8Array };

/** What a value says its handler should do: the first byte is the code of an error, 100 fails, else it comes back. */
function say({ value }: Value, context: HandlerContext): Value {
  context.requestHeader.forEach((text, name) => {
    if (name.startsWith("x-echo-")) context.responseHeader.append(name, text);
    if (name.startsWith("x-trail-")) context.responseTrailer.append(name, text);
  });
  if (context.requestHeader.has("x-ask")) {
    context.responseHeader.set("x-called", `${context.protocolName} ${context.requestMethod} ${context.url}`);
    context.responseHeader.set("x-names", [...context.requestHeader.keys()].join(" "));
  }
  const [first = 0] = value;
  if (first === 100) throw new Error("secret");
  if (first > 0 && first <= 16)
    throw new ConnectError("as told", first as Code, { "x-error": "1", "trailer-x-fake": "2" });
  return { value };
}

export async function openWorld(options: Partial<ServerOptions> = {}): Promise<World> {
  const failures: unknown[] = [];
  const server = await createServer({
    services: [
      implement(Echo, {
        say,
        get: say,
        async *list(request, context) {
          for (let i = 0; i < 2; i++) yield { value: Uint8Array.of(i) };
          say(request, context);
        },
        async collect(requests) {
          let bytes = 0;
          for await (const { value } of requests) bytes += value.length;
          return { value: Uint8Array.of(bytes) };
        },
        async *chat(requests, context) {
          for await (const request of requests) yield say(request, context);
        },
      }),
    ],
    listen: `memory:protocols-${addresses++}`,
    onHandlerError: (error) => failures.push(error),
    ...options,
  });
  const client = connectScriptedClient(server.address);

  function open({
    method = "POST",
    path = "/heddle.unit.Echo/Say",
    type = "application/json",
    fields = {},
    body = [],
  }: Asked): ScriptedStream {
    const head = { ":method": method, ":scheme": "http", ":path": path, ":authority": "test", ...fields };
    const stream = client.open(
      [...Object.entries(head).flat(), ...(type === "" ? [] : ["content-type", type])],
      body.length === 0,
    );
    for (const [i, piece] of body.entries())
      stream.peer.machine.sendBytes(stream.stream, piece, i === body.length - 1);
    stream.peer.flush();
    return stream;
  }

  return {
    failures,
    open,
    async ask(asked) {
      const stream = open(asked);
      await until(() => stream.over);
      return toAnswer(stream);
    },
    async [Symbol.asyncDispose]() {
      client.cut();
      await server.close({ drainMs: 0 });
    },
  };
}

function toAnswer({ head = [], data }: ScriptedStream): Answered {
  const fields = new Headers();
  for (let i = 2; i < head.length; i += 2) fields.append(head[i] as string, head[i + 1] as string);
  const text = data.toString("utf8");
  return {
    status: head[1],
    fields,
    body: Uint8Array.from(data),
    text,
    get json() {
      return JSON.parse(text) as Record<string, unknown>;
    },
  };
}

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The envelopes in a body. */
export function envelopesOf(body: Uint8Array): { flag: number; payload: Uint8Array }[] {
  const found: { flag: number; payload: Uint8Array }[] = [];
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  for (let at = 0; at < body.length; ) {
    const end = at + 5 + view.getUint32(at + 1);
    found.push({ flag: body[at] as number, payload: body.slice(at + 5, end) });
    at = end;
  }
  return found;
}

test("a body is taken apart into its envelopes", () => {
  assert.deepEqual(envelopesOf(Uint8Array.of(2, 0, 0, 0, 1, 9, 0, 0, 0, 0, 0)), [
    { flag: 2, payload: Uint8Array.of(9) },
    { flag: 0, payload: new Uint8Array(0) },
  ]);
});
