import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { BandwidthEstimator } from "./bandwidth.ts";
import { Receiver } from "./receiver.ts";
import { ByteWriter } from "../byte-writer.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { parseFrames } from "./raw-frames.test.ts";
import { Http2Stream } from "./stream.ts";

const START = 64 * 1024;
const MAX = 16 * 1024 * 1024;

interface Link {
  readonly bytesPerMs: number;
  readonly roundTripMs: number;
}

/**
 * One stream over a link, in steps of a frame: the sender fills its window, frames leave one after the other at
 * the link's rate and travel half a round trip; so do window updates, PINGs and their answers. Returns what the
 * window has become and the rate of the second half.
 */
function transfer({ bytesPerMs, roundTripMs }: Link, totalBytes: number, takes = true) {
  const out = new ByteWriter();
  const receiver = new Receiver(out, {
    ...DEFAULT_LIMITS,
    streamWindowBytes: START,
    connectionWindowBytes: START,
  });
  receiver.open();
  const stream = new Http2Stream(1, 0, START);
  let window = START;
  let sent = 0;
  let freeAtMs = 0;
  let received = 0;
  let halfAtMs = 0;
  let doneAtMs = 0;
  const events: { atMs: number; run: (nowMs: number) => void }[] = [];
  const at = (atMs: number, run: (nowMs: number) => void) => {
    let place = events.length;
    while (place > 0 && (events[place - 1] as { atMs: number }).atMs > atMs) place--;
    events.splice(place, 0, { atMs, run });
  };
  const send = (nowMs: number) => {
    while (sent < totalBytes && window > 0) {
      const bytes = Math.min(window, 16_384, totalBytes - sent);
      window -= bytes;
      sent += bytes;
      freeAtMs = Math.max(freeAtMs, nowMs) + bytes / bytesPerMs;
      at(freeAtMs + roundTripMs / 2, (arrivedAtMs) => receive(bytes, arrivedAtMs));
    }
  };
  const receive = (bytes: number, nowMs: number) => {
    received += bytes;
    doneAtMs = nowMs;
    if (halfAtMs === 0 && received * 2 >= totalBytes) halfAtMs = nowMs;
    assert.ok(receiver.receive(bytes), "inside the connection window");
    if (receiver.wantsMeasurement) {
      receiver.beginMeasurement(nowMs);
      // The answer comes behind what the sender has given the link until then.
      at(nowMs + roundTripMs / 2, (askedAtMs) =>
        at(Math.max(askedAtMs, freeAtMs) + roundTripMs / 2, (answeredAtMs) => {
          receiver.endMeasurement(answeredAtMs, [stream]);
          grant(answeredAtMs);
        }),
      );
    }
    assert.ok(receiver.receiveOn(stream, bytes, 0), "inside the stream window");
    if (takes) receiver.take(stream, bytes);
    grant(nowMs);
  };
  /** The stream's window is what holds the sender back; the connection's moves with it. */
  const grant = (nowMs: number) => {
    let bytes = 0;
    for (const { type, id, payload } of parseFrames(out.view())) {
      if (type === 8 && id === 1) bytes += Buffer.from(payload).readUInt32BE(0);
      if (type === 4) {
        const initial = Buffer.from(payload).readUInt32BE(2);
        bytes += initial - initialWindow;
        initialWindow = initial;
      }
    }
    out.reset();
    if (bytes === 0) return;
    at(nowMs + roundTripMs / 2, (grantedAtMs) => {
      window += bytes;
      send(grantedAtMs);
    });
  };
  let initialWindow = START;
  send(0);
  for (let event = events.shift(); event !== undefined; event = events.shift()) event.run(event.atMs);
  return { windowBytes: receiver.streamWindowBytes, received, rate: totalBytes / 2 / (doneAtMs - halfAtMs) };
}

describe("windows", () => {
  it("grow until the link is full, whatever its bandwidth and delay, and not far beyond", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 100, max: 100_000, noNaN: true }),
        fc.double({ min: 0.1, max: 150, noNaN: true }),
        (bytesPerMs, roundTripMs) => {
          const product = bytesPerMs * roundTripMs;
          // What takes more than the largest window cannot be filled.
          fc.pre(product < MAX / 2);
          const { windowBytes, rate } = transfer({ bytesPerMs, roundTripMs }, Math.max(4e6, product * 40));
          assert.ok(rate >= bytesPerMs * 0.6, `${rate} of ${bytesPerMs} bytes/ms`);
          assert.ok(
            windowBytes <= Math.max(START * 2, product * 6 + START),
            `window of ${windowBytes} for ${product}`,
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  it("stay as they are when the reader does not read", () => {
    const { windowBytes, received } = transfer({ bytesPerMs: 10_000, roundTripMs: 50 }, 10e6, false);
    assert.deepEqual([windowBytes, received], [START, START]);
  });

  it("never pass their limit", () => {
    const { windowBytes } = transfer({ bytesPerMs: 100_000, roundTripMs: 500 }, 600e6);
    assert.equal(windowBytes, MAX);
  });
});

describe("a measurement", () => {
  it("that did not begin, or found less than a full window, changes nothing", () => {
    const estimator = new BandwidthEstimator(START, MAX);
    assert.equal(estimator.end(10), false);
    estimator.begin(10);
    estimator.count(START / 4);
    assert.equal(estimator.end(20), false);
    assert.equal(estimator.windowBytes, START);
  });

  it("is made ever less often while it leads to nothing", () => {
    const estimator = new BandwidthEstimator(START, MAX);
    let measurements = 0;
    for (let half = 0; half < 1000; half++) {
      if (!estimator.usedUp()) continue;
      measurements++;
      estimator.begin(half);
      estimator.end(half + 1);
    }
    assert.ok(measurements > 10 && measurements < 30, `${measurements} measurements`);
  });

  it("is never made once the window is as large as it may be", () => {
    const estimator = new BandwidthEstimator(START, START);
    assert.equal(estimator.usedUp(), false);
  });
});
