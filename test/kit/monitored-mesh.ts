/**
 * A small system to be monitored: a control plane, `echo` twice, and `front`, which calls it all the time and has its
 * metrics at an address of their own. One instance can be made to fail.
 */
import { Code, ConnectError, createMesh, implement } from "heddle";
import { startControlPlane } from "heddle/control";
import { setTimeout as sleep } from "node:timers/promises";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";

export interface MonitoredMesh extends AsyncDisposable {
  /** Address of the control plane. */
  readonly plane: string;
  /** Where the metrics of `front` are. */
  readonly frontMetrics: string;
  /** Whether `echo-2` fails what it is asked. */
  fails: boolean;
}

export async function startMonitoredMesh(): Promise<MonitoredMesh> {
  await using starting = new AsyncDisposableStack();
  const plane = starting.use(await startControlPlane({ listen: "127.0.0.1:0", warmUpMs: 0 }));
  const system = { plane: plane.address, frontMetrics: "", fails: false };
  const common = { registry: plane.address, shutdownSignals: [], zone: "a" } as const;

  for (const instance of ["echo-1", "echo-2"]) {
    const mesh = starting.use(await createMesh({ ...common, service: "echo", instance }));
    const unary = () => {
      if (system.fails && instance === "echo-2") throw new ConnectError("it is broken", Code.Internal);
      return {};
    };
    const served = await mesh.serve(implement(EchoService, { unary }), { listen: "127.0.0.1:0" });
    await served.registered;
  }
  const front = starting.use(
    await createMesh({
      ...common,
      service: "front",
      instance: "front-1",
      metrics: { listen: "127.0.0.1:0", path: "/figures" },
    }),
  );
  system.frontMetrics = front.metrics.address ?? "";
  // An instance that fails stays in the set, as one does whose failures no caller can tell from its own.
  const client = front.client(EchoService, {
    target: "heddle:///echo",
    serviceConfig: { outlierEjection: false },
  });
  const served = await front.serve(implement(EchoService, { unary: () => client.unary({}) }), {
    listen: "127.0.0.1:0",
  });
  await served.registered;

  const stop = new AbortController();
  const calling = (async () => {
    while (!stop.signal.aborted) {
      await client.unary({}).catch(() => {});
      await sleep(10);
    }
  })();
  starting.defer(async () => {
    stop.abort();
    await calling;
  });
  const running = starting.move();
  return Object.assign(system, { [Symbol.asyncDispose]: () => running.disposeAsync() });
}
