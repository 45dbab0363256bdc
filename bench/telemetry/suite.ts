/**
 * The telemetry suite: the calls of the rpc suite from one mesh to another, with all that Heddle measures and without,
 * so that the ratio of the two is what measuring costs. The level is the number of calls in flight.
 */
import { createMesh, implement, type MeshOptions } from "heddle";
import { OrderService } from "../gen/bench/v1/orders_pb.ts";
import { portOf } from "../harness/port-of.ts";
import type { Suite } from "../harness/suite.ts";
import { placeOrder } from "../rpc/order.ts";
import { startSpanSink } from "./span-sink.ts";
import { type RpcClient, type RpcPeer, suite as rpc } from "../rpc/suite.ts";

export const suite = {
  ...rpc,
  peers: {
    off: async () => ({ peer: measuring({ metrics: false }) }),
    on: async () => ({ peer: measuring({}) }),
    "traces 1 %": async () => ({ peer: measuring({}, 0.01) }),
  },
  ratios: [
    ["on", "off"],
    ["traces 1 %", "off"],
  ],
} satisfies Suite<RpcClient>;

/** With a `sampleRatio` it keeps so much of its traces, and pushes them to a sink beside it. */
function measuring(options: MeshOptions, sampleRatio?: number): RpcPeer {
  async function open(service: string) {
    const settings: MeshOptions = { service, registry: false, stateFolder: false, ...options };
    if (sampleRatio === undefined) {
      const mesh = await createMesh(settings);
      return { mesh, close: async () => mesh.close() };
    }
    const sink = await startSpanSink();
    const mesh = await createMesh({ ...settings, traces: { sampleRatio, otlp: { url: sink.url } } });
    return { mesh, close: async () => mesh.close().finally(() => sink.close()) };
  }
  return {
    async startServer() {
      const { mesh, close } = await open("orders");
      const server = await mesh.serve(implement(OrderService, { placeOrder }), { listen: "127.0.0.1:0" });
      return { port: portOf(server.address), close };
    },
    async connect(port) {
      const { mesh, close } = await open("bench");
      const orders = mesh.client(OrderService, { target: `static:///127.0.0.1:${port}` });
      return { call: (request) => orders.placeOrder(request), close };
    },
  };
}
