/**
 * Outlier detection as gRPC configures it: the same service config makes a client of Heddle and one of grpc-js leave out
 * the same instance of the same servers. grpc-js writes the names with underscores and durations as messages.
 */
import "../kit/trap.ts";
import { Client, credentials } from "@grpc/grpc-js";
import { Code, ConnectError } from "@connectrpc/connect";
import { fromGrpcServiceConfig, type GrpcServiceConfig } from "heddle";
import assert from "node:assert/strict";
import { test } from "node:test";
import { addressesOf, connectTo, startEcho } from "../kit/running.ts";
import { until } from "../kit/within.ts";

/** As gRPC's proto writes it in JSON. */
const settings = {
  interval: "0.5s",
  baseEjectionTime: "30s",
  maxEjectionTime: "60s",
  maxEjectionPercent: 20,
  failurePercentageEjection: {
    threshold: 50,
    enforcementPercentage: 100,
    minimumHosts: 3,
    requestVolume: 5,
  },
};
const childPolicy = [{ round_robin: {} }];

/** The same in grpc-js's way. */
function asGrpcJs(value: unknown): unknown {
  if (typeof value === "string" && /^[0-9.]+s$/.test(value)) {
    const seconds = Number.parseFloat(value);
    return { seconds: Math.floor(seconds), nanos: (seconds % 1) * 1e9 };
  }
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([name, part]) => [
    name.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`),
    asGrpcJs(part),
  ]);
  return Object.fromEntries(entries);
}

const PATH = "/heddle.test.v1.EchoService/Unary";

test("one of five that fails is left out by both, with the same service config", async (t) => {
  const asked = [0, 0, 0, 0, 0];
  const servers = await Promise.all(
    asked.map((_, i) =>
      startEcho(t, {
        handlers: {
          unary: () => {
            asked[i] = (asked[i] as number) + 1;
            if (i === 2) throw new ConnectError("broken", Code.Internal);
            return {};
          },
        },
      }),
    ),
  );

  const grpcJs = new Client(
    `ipv4:${servers.map(({ address }) => address).join(",")}`,
    credentials.createInsecure(),
    {
      "grpc.service_config": JSON.stringify({
        loadBalancingConfig: [
          { outlier_detection: { ...(asGrpcJs(settings) as object), child_policy: childPolicy } },
        ],
      }),
    },
  );
  t.after(() => grpcJs.close());
  const byGrpcJs = () =>
    new Promise<void>((resolve) => {
      const same = (bytes: Buffer) => bytes;
      grpcJs.makeUnaryRequest(PATH, same, same, Buffer.alloc(0), () => resolve());
    });

  const { config } = fromGrpcServiceConfig({
    loadBalancingConfig: [{ outlier_detection: { ...settings, childPolicy } }],
  } as GrpcServiceConfig);
  assert.ok(config !== undefined);
  const heddle = connectTo(t, addressesOf(...servers), { serviceConfig: config });
  const byHeddle = () =>
    heddle.unary({}).then(
      () => {},
      () => {},
    );

  for (const [name, call] of [
    ["grpc-js", byGrpcJs],
    ["heddle", byHeddle],
  ] as const) {
    await until(async () => {
      const before = [...asked];
      for (let n = 0; n < 25; n++) await call();
      const since = asked.map((count, i) => count - (before[i] as number));
      return since[2] === 0 && since.every((count, i) => i === 2 || count >= 4);
    }, `${name} leaves it out, and it alone`);
  }
});
