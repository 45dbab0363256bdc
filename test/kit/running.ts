/** Servers and clients of tests about Heddle itself: started in a line, stopped with the test. */
import {
  type Client,
  createServer,
  createTransport,
  implement,
  type ServerOptions,
  type TransportOptions,
} from "heddle";
import { createClient } from "@connectrpc/connect";
import type { ServiceImpl } from "@connectrpc/connect";
import type { TestContext } from "node:test";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { createEchoService } from "./echo-service.ts";
import type { Witness } from "./witness.ts";

export type EchoHandlers = Partial<ServiceImpl<typeof EchoService>>;

export interface StartOptions extends Omit<Partial<ServerOptions>, "services"> {
  readonly instance?: string;
  readonly witness?: Witness;
  /** In the place of, or beside, the echo service's own. */
  readonly handlers?: EchoHandlers;
}

/** An echo server that the end of the test closes. */
export async function startEcho(
  t: TestContext,
  { instance, witness, handlers, ...options }: StartOptions = {},
) {
  const echo = createEchoService({
    ...(instance === undefined ? {} : { instance }),
    ...(witness === undefined ? {} : { witness }),
  });
  const server = await createServer({
    onHandlerError: () => {},
    ...options,
    services: [implement(EchoService, { ...echo, ...handlers })],
  });
  t.after(() => server.close({ drainMs: 100 }));
  return server;
}

/** A Connect client over Heddle's transport that the end of the test closes. */
export function connectTo(
  t: TestContext,
  target: string,
  options: Omit<TransportOptions, "target"> = {},
): Client<typeof EchoService> {
  const transport = createTransport({ target, ...options });
  t.after(() => transport.close("now"));
  return createClient(EchoService, transport);
}

export function addressesOf(...servers: readonly { readonly address: string }[]): string {
  return `static:///${servers.map(({ address }) => address).join(",")}`;
}
