/** What a handler is the first to need outlives the call that it serves: the watch of a service that it calls. */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError, createMesh, implement } from "heddle";
import { startControlPlane } from "heddle/control";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { Load } from "../kit/load.ts";
import { startInstance } from "../kit/processes.ts";
import { connectTo } from "../kit/running.ts";

test("a watch that began inside a handler which failed goes on", async (t) => {
  await using plane = await startControlPlane({ listen: "127.0.0.1:0" });
  await startInstance(t, "a", plane.address);
  await using mesh = await createMesh({
    service: "front",
    registry: plane.address,
    stateFolder: false,
    onWarning: () => {},
  });
  const echo = mesh.client(EchoService, { target: "heddle:///echo" });
  const front = await mesh.serve(
    implement(EchoService, {
      async unary(request) {
        await echo.unary(request);
        throw new ConnectError("it has failed all the same", Code.FailedPrecondition);
      },
    }),
  );
  const caller = connectTo(t, front.address);
  await assert.rejects(caller.unary({}, { timeoutMs: 30_000 }), /failed all the same/);

  const load = new Load(echo, 2);
  t.after(() => load.stop());
  await load.more(50, "a");
  await startInstance(t, "b", plane.address);
  await load.more(50, "b");
  await load.stop();
  assert.deepEqual(load.failures, []);
});
