import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { ByteWriter } from "../byte-writer.ts";
import { FLAG_ACK, FRAME_LOAD, SETTINGS_LOAD } from "./constants.ts";
import { LOAD_BYTES, readLoadReport, writeLoadReport } from "./load-frame.ts";
import { frame, join, parseFrames, settings } from "./raw-frames.test.ts";
import { openClient, openServer } from "./recorder.test.ts";

const busy = {
  requestsInFlight: 12,
  latencyMs: 3.5,
  utilization: 0.75,
  requestsPerSecond: 1000,
  errorsPerSecond: 0,
};

function reportFrame(load = busy, probed = false): Uint8Array {
  const out = new ByteWriter();
  writeLoadReport(out, load, probed);
  return out.view().slice();
}

const speaksLoad = settings([SETTINGS_LOAD, 1]);

describe("LOAD frames", () => {
  it("carry any figures as 32-bit floats", () => {
    const figure = fc.float({ min: 0, noNaN: true, noDefaultInfinity: true });
    const maybe = fc.oneof(figure, fc.constant(-1));
    const loads = fc.record({
      requestsInFlight: figure,
      latencyMs: maybe,
      utilization: maybe,
      requestsPerSecond: figure,
      errorsPerSecond: figure,
    });
    fc.assert(
      fc.property(loads, (load) => {
        const [only] = parseFrames(reportFrame(load, true));
        assert.equal(only?.type, FRAME_LOAD);
        assert.equal(only.flags, FLAG_ACK);
        const read = readLoadReport(only.payload, 0);
        assert.deepEqual({ ...read }, Object.fromEntries(Object.entries(load).map(([k, v]) => [k, v + 0])));
      }),
    );
  });

  it("never give figures that no load has, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: LOAD_BYTES, maxLength: LOAD_BYTES }), (bytes) => {
        const load = readLoadReport(bytes, 0);
        if (load === undefined) return;
        for (const value of Object.values(load)) assert.ok(value >= -1 && Number.isFinite(value));
        assert.ok(load.requestsInFlight >= 0);
      }),
    );
  });

  it("are answered where the client has announced them", () => {
    const server = openServer();
    server.feed(join(speaksLoad, frame(FRAME_LOAD, 0, 0)));
    assert.ok(server.log.includes("load probe"));
    server.sent();
    server.machine.reportLoad(busy, true);
    assert.deepEqual(
      server.sent().map(({ type, flags }) => [type, flags]),
      [[FRAME_LOAD, FLAG_ACK]],
    );
  });

  it("reach the client as reports", () => {
    const client = openClient();
    client.feed(speaksLoad);
    client.machine.probeLoad();
    client.feed(join(reportFrame(), reportFrame(busy, true)));
    assert.deepEqual(
      client.log.filter((line) => line.startsWith("load")),
      ["load 12 3.5", "load 12 3.5 probed"],
    );
  });

  it("are noise where they answer what nobody asked", () => {
    const client = openClient();
    client.feed(speaksLoad);
    client.machine.probeLoad();
    client.feed(join(reportFrame(busy, true), reportFrame(busy, true)));
    assert.deepEqual(
      client.log.filter((line) => line.startsWith("load")),
      ["load 12 3.5 probed"],
    );
  });

  it("are noise to and from a peer that has not announced them", () => {
    const server = openServer();
    server.feed(frame(FRAME_LOAD, 0, 0));
    assert.ok(!server.log.includes("load probe"));
    server.machine.reportLoad(busy, false);
    const client = openClient();
    client.machine.probeLoad();
    for (const side of [server, client])
      assert.deepEqual(
        side.sent().filter(({ type }) => type === FRAME_LOAD),
        [],
      );
  });

  it("of another length or on a stream are passed over", () => {
    const server = openServer();
    server.feed(join(speaksLoad, frame(FRAME_LOAD, 0, 0, [1]), frame(FRAME_LOAD, 0, 1)));
    const client = openClient();
    client.feed(
      join(speaksLoad, frame(FRAME_LOAD, 0, 0), frame(FRAME_LOAD, 0, 3, new Uint8Array(LOAD_BYTES))),
    );
    for (const side of [server, client]) {
      assert.deepEqual(
        side.log.filter((line) => line.startsWith("load")),
        [],
      );
      assert.equal(side.error, undefined);
    }
  });

  it("in a flood are answered up to a rate, and do no harm beyond", () => {
    const server = openServer();
    const flood = join(...Array.from({ length: 5000 }, () => frame(FRAME_LOAD, 0, 0)));
    server.feed(join(speaksLoad, flood));
    assert.equal(server.log.filter((line) => line === "load probe").length, 1000);
    assert.equal(server.error, undefined);
    server.feed(flood, 500);
    assert.equal(server.log.filter((line) => line === "load probe").length, 2000);
  });
});
