import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { Inbox, type InboxMessage } from "./inbox.ts";

function envelope(payload: Uint8Array): Uint8Array {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(payload.length, 1);
  return new Uint8Array(Buffer.concat([prefix, payload]));
}

/** An inbox behind a window, as a peer that keeps to it fills it. */
class Stream {
  window: number;
  readonly windowBytes: number;
  readonly inbox: Inbox;
  #unsent: Uint8Array;

  constructor(windowBytes: number, messages: readonly Uint8Array[], maxMessageBytes = 1 << 20) {
    this.window = this.windowBytes = windowBytes;
    this.#unsent = new Uint8Array(Buffer.concat(messages.map(envelope)));
    this.inbox = new Inbox({ maxMessageBytes, take: (bytes) => (this.window += bytes) });
  }

  /** Sends what the window allows, in frames; returns the bytes sent. */
  fill(frameBytes: number): number {
    let sent = 0;
    while (this.#unsent.length > 0 && this.window > 0) {
      const bytes = this.#unsent.subarray(0, Math.min(frameBytes, this.window));
      this.#unsent = this.#unsent.subarray(bytes.length);
      this.window -= bytes.length;
      sent += bytes.length;
      assert.equal(this.inbox.push(bytes, 0, bytes.length), undefined);
    }
    if (this.#unsent.length === 0) this.inbox.end();
    return sent;
  }

  get done(): boolean {
    return this.#unsent.length === 0;
  }
}

describe("Inbox", () => {
  it("gives every message in order through any window, also messages larger than it, and all the window back", async () => {
    const messages = fc.array(
      fc.oneof(fc.nat(20), fc.nat(3000)).map((n) => new Uint8Array(n).fill(n % 256)),
      { maxLength: 20 },
    );
    await fc.assert(
      fc.asyncProperty(
        messages,
        fc.integer({ min: 1, max: 2000 }),
        fc.integer({ min: 1, max: 500 }),
        fc.boolean(),
        async (sent, windowBytes, frameBytes, eager) => {
          const stream = new Stream(windowBytes, sent);
          const got: Uint8Array[] = [];
          const reading = (async () => {
            for (let next = await stream.inbox.next(); next !== undefined; next = await stream.inbox.next()) {
              got.push(payloadOf(next));
              if (!eager) await new Promise((resolve) => setImmediate(resolve));
            }
          })();
          for (let turns = 0; turns === 0 || (!stream.done && turns < 100_000); turns++) {
            stream.fill(frameBytes);
            await (eager ? Promise.resolve() : new Promise((resolve) => setImmediate(resolve)));
          }
          await reading;
          assert.deepEqual(got, sent);
          assert.equal(stream.window, windowBytes);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("holds back a writer whose reader does not come", async () => {
    const stream = new Stream(
      1000,
      Array.from({ length: 100 }, () => new Uint8Array(95)),
    );
    // The first 64 bytes are part of a message and hold nobody up: they are given back at once.
    assert.equal(stream.fill(64), 1064);
    await stream.inbox.next();
    assert.equal(stream.fill(64), 0, "the message in hand still counts");
    await stream.inbox.next();
    assert.equal(stream.fill(64), 36);
    await stream.inbox.next();
    assert.equal(stream.fill(64), 100);
  });

  it("ends with what it has and then the error; cut, with the error at once", async () => {
    const [message] = [envelope(new Uint8Array(3))];
    const ended = new Inbox({ maxMessageBytes: 10, take: () => {} });
    ended.push(message, 0, 8);
    ended.end(new Error("late"));
    assert.equal(payloadOf(await ended.next()).length, 3);
    await assert.rejects(ended.next(), /late/);
    const cut = new Inbox({ maxMessageBytes: 10, take: () => {} });
    cut.push(message, 0, 8);
    cut.cut(new Error("now"));
    await assert.rejects(cut.next(), /now/);
    const waiting = new Inbox({ maxMessageBytes: 10, take: () => {} });
    const next = waiting.next();
    waiting.end();
    assert.equal(await next, undefined);
  });

  it("reports a message over the limit", () => {
    const inbox = new Inbox({ maxMessageBytes: 10, take: () => {} });
    assert.deepEqual(inbox.push(envelope(new Uint8Array(11)), 0, 5), { kind: "too-large", bytes: 11 });
  });

  it("gives many small messages in order, also those that come while it is read", async () => {
    const inbox = new Inbox({ maxMessageBytes: 5000, take: () => {} });
    const sizes = Array.from({ length: 20_000 }, (_, i) => (i % 97 === 0 ? 1000 + (i % 50) : i % 40));
    let sent = 0;
    const got: number[] = [];
    while (got.length < sizes.length) {
      for (const size of sizes.slice(sent, (sent += 3))) inbox.push(envelope(filled(size)), 0, size + 5);
      for (let i = 0; i < (sent < sizes.length ? 2 : 3) && got.length < sizes.length; i++) {
        const payload = payloadOf(await inbox.next());
        assert.deepEqual(payload, filled(payload.length));
        got.push(payload.length);
      }
    }
    assert.deepEqual(got, sizes);
  });

  it("costs a few bytes for each byte that waits, however small the messages are", async () => {
    const inbox = new Inbox({ maxMessageBytes: 10, take: () => {} });
    const before = memoryInUse();
    for (let i = 0; i < 1000; i++) inbox.push(new Uint8Array(5000), 0, 5000);
    const grown = memoryInUse() - before;
    assert.ok(grown < 3 * 5_000_000, `${grown} bytes for 5 MB`);
    assert.deepEqual(payloadOf(await inbox.next()), new Uint8Array(0));
  });

  it("lets go of what was read, also when the reader never catches up", async () => {
    const inbox = new Inbox({ maxMessageBytes: 5000, take: () => {} });
    const before = memoryInUse();
    inbox.push(envelope(filled(4000)), 0, 4005);
    for (let i = 0; i < 5000; i++) {
      inbox.push(envelope(filled(4000)), 0, 4005);
      await inbox.next();
    }
    const grown = memoryInUse() - before;
    assert.ok(grown < 4_000_000, `${grown} bytes after 20 MB of which one message waits`);
    assert.deepEqual(payloadOf(await inbox.next()), filled(4000));
  });
});

function payloadOf(message: InboxMessage | undefined): Uint8Array {
  assert.ok(message);
  return message.bytes.subarray(message.start, message.end);
}

function filled(size: number): Uint8Array {
  return new Uint8Array(size).fill(size % 256);
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

function memoryInUse(): number {
  // The first collection lets go of buffers in the background; the second waits for that.
  collect();
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
