/**
 * `createTransport`: a plain Connect `Transport` on Heddle's stack, for people who bring their own client.
 */
import type { Transport } from "@connectrpc/connect";
import type { Resolver } from "../discovery/resolver.ts";
import { createResolvers } from "../discovery/resolvers.ts";
import { createStaticResolver } from "../discovery/static.ts";
import { parseTarget } from "../discovery/target.ts";
import { type Runtime, systemRuntime } from "../runtime/runtime.ts";
import { Channel } from "./channel.ts";
import { channelTransport } from "./channel-transport.ts";
import type { ChannelStatus } from "./status.ts";
import type { ClientOptions } from "./options.ts";

export interface TransportOptions extends ClientOptions {
  /** What to call: `static:///10.0.0.1:80,10.0.0.2:80`, `host:port`, or a scheme of one of `resolvers`. */
  readonly target: string;
  /** Further resolvers; `static` is always there. */
  readonly resolvers?: readonly Resolver[];
  /** Time, timers and randomness. Default: the process's. */
  readonly runtime?: Runtime;
}

export interface ClosableTransport extends Transport, AsyncDisposable {
  /** Refuses new calls; connections close when their calls have ended, or at once with `now`. */
  close(mode?: "drain" | "now"): void;
  /** The instances behind it, with their connections, as they are now. */
  describe(): ChannelStatus;
}

export function createTransport(options: TransportOptions): ClosableTransport {
  const { target: text, resolvers = [], runtime = systemRuntime, ...clientOptions } = options;
  const target = parseTarget(text);
  const resolver = createResolvers([createStaticResolver(), ...resolvers]).find(target);
  const channel = new Channel({ target, resolver, runtime, options: clientOptions });
  const close = (mode: "drain" | "now" = "drain") => channel.close(mode);
  return {
    ...channelTransport(channel),
    close,
    describe: () => channel.describe(),
    [Symbol.asyncDispose]: async () => close(),
  };
}
