/**
 * The load: a closed loop with a fixed number of calls in flight on one client.
 *
 * Each slot makes a call, checks the answer, makes the next. The clock is read once per call; times go
 * into a fixed-size HDR histogram of Node's, so a million calls cost no more memory than a thousand.
 * A slot stops by that same clock, hence no timer runs beside the calls.
 */
import { createHistogram, performance } from "node:perf_hooks";
import { createOrders, ordersPerSlot } from "./order.ts";
import type { PeerClient } from "./peer.ts";

export interface LoadOptions {
  readonly inflight: number;
  /** Calls before this are made and checked but not timed. In milliseconds; default 0. */
  readonly settleMs?: number;
  /** How long calls are timed. In milliseconds. */
  readonly measureMs: number;
}

export interface LoadResult {
  /** Every call made, timed or not: what CPU time is divided by. */
  readonly calls: number;
  readonly callsPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

export async function runLoad(client: PeerClient, options: LoadOptions): Promise<LoadResult> {
  // One nanosecond to one minute, three significant digits.
  const histogram = createHistogram({ lowest: 1, highest: 60_000_000_000, figures: 3 });
  let calls = 0;
  let timed = 0;
  const measureFrom = performance.now() + (options.settleMs ?? 0);
  const measureUntil = measureFrom + options.measureMs;

  const runSlot = async (slot: number) => {
    const orders = createOrders(slot);
    let before = performance.now();
    for (let turn = 0; ; turn = (turn + 1) & (ordersPerSlot - 1)) {
      await callOnce(client, orders, turn);
      const now = performance.now();
      calls++;
      if (now >= measureFrom) {
        if (now >= measureUntil) return;
        timed++;
        histogram.record(Math.max(1, Math.round((now - before) * 1e6)));
      }
      before = now;
    }
  };
  await Promise.all(Array.from({ length: options.inflight }, (_, slot) => runSlot(slot)));
  if (timed === 0) throw new Error("no call ended within the measured time");
  return {
    calls,
    callsPerSecond: timed / (options.measureMs / 1_000),
    p50Us: histogram.percentile(50) / 1_000,
    p99Us: histogram.percentile(99) / 1_000,
  };
}

/** Makes exactly `calls` calls, `inflight` at a time, each checked and none timed; gives their number back. */
export async function runCalls(client: PeerClient, inflight: number, calls: number): Promise<number> {
  let left = calls;
  let answered = 0;
  const runSlot = async (slot: number) => {
    const orders = createOrders(slot);
    for (let turn = 0; left > 0; turn = (turn + 1) & (ordersPerSlot - 1)) {
      left--;
      await callOnce(client, orders, turn);
      answered++;
    }
  };
  await Promise.all(Array.from({ length: inflight }, (_, slot) => runSlot(slot)));
  return answered;
}

async function callOnce(
  client: PeerClient,
  orders: ReturnType<typeof createOrders>,
  turn: number,
): Promise<void> {
  const order = orders[turn];
  if (!order) throw new RangeError(`a slot has no order ${turn}`);
  const answer = await client.call(order);
  if (answer.orderId !== order.orderId) {
    throw new Error(`asked for ${order.orderId}, was answered ${answer.orderId}`);
  }
}
