/**
 * Opens the byte stream to an address, within a time.
 */
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { parseAddress } from "../call/address.ts";
import { HeddleError, reasonText } from "../call/errors.ts";
import type { Timers } from "../runtime/timer.ts";
import { connectInMemory } from "./memory.ts";

export interface DialOptions {
  readonly address: string;
  /** Limit for the whole attempt, in ms. */
  readonly timeoutMs: number;
  readonly timers: Timers;
}

export interface Dialing {
  /** Gives the attempt up; `onResult` is not called any more. */
  cancel(): void;
}

/** Calls `onResult` once, never synchronously: with the connected stream or with `connectFailed`. */
export function dial(options: DialOptions, onResult: (result: Duplex | HeddleError) => void): Dialing {
  const { address, timeoutMs, timers } = options;
  const failed = (reason: string, cause?: unknown) =>
    new HeddleError("connectFailed", { address, reason }, { cause });
  const parsed = parseAddress(address);
  if (typeof parsed === "string") return later(() => onResult(failed(parsed)));
  if (parsed.kind === "memory") {
    return later(() =>
      onResult(connectInMemory(parsed.name) ?? failed("nobody listens there in this process")),
    );
  }
  const socket: Socket =
    parsed.kind === "unix"
      ? connect({ path: parsed.path })
      : connect({ host: parsed.host, port: parsed.port, noDelay: true, autoSelectFamily: true });
  let settled = false;
  const settle = (result?: Duplex | HeddleError) => {
    if (settled) return;
    settled = true;
    timer.cancel();
    socket.off("connect", onConnect);
    socket.off("error", onError);
    if (result !== socket) {
      socket.on("error", ignore);
      socket.destroy();
    }
    if (result !== undefined) onResult(result);
  };
  const onConnect = () => settle(socket);
  const onError = (error: Error) => settle(failed(reasonText(error), error));
  const timer = timers.after(timeoutMs, () => settle(failed(`no answer within ${timeoutMs} ms`)));
  socket.on("connect", onConnect);
  socket.on("error", onError);
  return { cancel: () => settle() };
}

function later(run: () => void): Dialing {
  let cancelled = false;
  process.nextTick(() => {
    if (!cancelled) run();
  });
  return { cancel: () => (cancelled = true) };
}

/** A destroyed socket may still report its error. */
function ignore(): void {}
