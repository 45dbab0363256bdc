import assert from "node:assert/strict";
import { test } from "node:test";
import { choosePort, describePorts } from "./choose-port.ts";

const port = (name: string, number: number | undefined, appProtocol = "") => ({
  name,
  port: number,
  appProtocol,
});

test("the only port is taken, of several the one that is named or marked for gRPC", () => {
  const metrics = port("metrics", 9090);
  assert.equal(choosePort([metrics], undefined)?.port, 9090);
  assert.equal(choosePort([metrics, port("http2", 1), port("grpc", 2)], undefined)?.port, 2);
  assert.equal(choosePort([metrics, port("http2", 1)], undefined)?.port, 1);
  assert.equal(choosePort([metrics, port("web", 3, "kubernetes.io/h2c")], undefined)?.port, 3);
  assert.equal(choosePort([metrics, port("web", 3, "grpc")], undefined)?.port, 3);
  assert.equal(choosePort([metrics, port("http", 8080)], undefined), undefined);
  assert.equal(choosePort([], undefined), undefined);
  assert.equal(choosePort([port("any", undefined)], undefined), undefined);
});

test("a port that is asked for by name must be there; a number needs no entry", () => {
  const ports = [port("grpc", 4001), port("admin", 9000, "https")];
  assert.equal(choosePort(ports, "admin")?.port, 9000);
  assert.equal(choosePort(ports, "other"), undefined);
  assert.deepEqual(choosePort(ports, "9000"), port("admin", 9000, "https"));
  assert.deepEqual(choosePort([], "7000"), port("", 7000));
});

test("ports are described for people", () => {
  assert.equal(describePorts([port("grpc", 4001), port("", undefined)]), "grpc (4001), unnamed (any)");
  assert.equal(describePorts([]), "none");
});
