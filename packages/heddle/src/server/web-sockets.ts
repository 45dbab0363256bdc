/**
 * WebSockets, for streams both ways over HTTP/1.1. The protocol is `ws`'s: its frames, their masks, their UTF-8, and
 * limits on what a peer may do (fragments, pings). It is loaded for servers that have a method for it.
 * Source: RFC 6455
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { bindingsOf, streamsRequests } from "../contract/rest/binding.ts";
import type { Implementation } from "./implement.ts";
import type { RestOptions } from "./rest-routes.ts";

export interface WebSockets {
  /** Answers the handshake. Undefined when it is not a valid one: the client is told, and the connection closed. */
  open(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    maxMessageBytes: number,
  ): WebSocket | undefined;
}

/** Undefined when no method needs them. */
export async function openWebSockets(
  implementations: readonly Implementation[],
  rest: RestOptions | false,
): Promise<WebSockets | undefined> {
  if (rest === false) return undefined;
  const needs = implementations.some(({ service, handler }) =>
    service.methods.some(
      (desc) =>
        streamsRequests(desc) &&
        handler(desc) !== undefined &&
        (rest.conventions === true || bindingsOf(desc).length > 0),
    ),
  );
  if (!needs) return undefined;
  const { WebSocketServer } = await import("ws");
  return {
    open(request, socket, head, maxMessageBytes) {
      const options = {
        noServer: true,
        clientTracking: false,
        perMessageDeflate: false,
        maxPayload: maxMessageBytes,
        maxFragments: MAX_FRAGMENTS,
        closeTimeout: CLOSE_TIMEOUT_MS,
      };
      let opened: WebSocket | undefined;
      new WebSocketServer(options).handleUpgrade(
        request,
        socket,
        head,
        (socketOpened) => (opened = socketOpened),
      );
      return opened;
    },
  };
}

/** Whether a request asks for one. Node takes the others for what they are without it. */
export function asksForWebSocket({ method, headers }: IncomingMessage): boolean {
  return method === "GET" && headers.upgrade?.toLowerCase() === "websocket";
}

/** Frames of one message. */
const MAX_FRAGMENTS = 1024;
/** How long the peer has to say that it closes as well, in ms. */
const CLOSE_TIMEOUT_MS = 5000;
