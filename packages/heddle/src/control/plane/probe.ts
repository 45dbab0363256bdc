/**
 * One probe of one instance: a connection, a GET or a question by gRPC's health protocol, each on a connection of its own
 * and within its time. A probe goes to the address that was registered and nowhere else: redirects are not followed.
 */
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { createClient } from "@connectrpc/connect";
import { formatAddress, parseAddress } from "../../call/address.ts";
import { detached } from "../../client/detached.ts";
import { createTransport } from "../../client/transport.ts";
import type { ClientTlsOptions } from "../../connection/tls.ts";
import { Health, HealthCheckResponse_ServingStatus } from "../../gen/grpc/health/v1/health_pb.ts";
import type { HealthCheck } from "../../gen/heddle/registry/v1/registry_pb.ts";
import type { Runtime } from "../../runtime/runtime.ts";

export interface ProbeTarget {
  /** `host:port`. */
  readonly address: string;
  /** It listens with TLS. */
  readonly tls: boolean;
}

export interface ProbeOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly runtime: Runtime;
  /** Whom probes of instances with TLS trust, and what they show. Default: the authorities that come with Node. */
  readonly tls?: ClientTlsOptions | undefined;
}

export type ProbeKind = Exclude<HealthCheck["kind"], { case: "ttl" } | { case: undefined }>;

/** Whether the instance works. Never rejects. */
export async function probe(kind: ProbeKind, target: ProbeTarget, options: ProbeOptions): Promise<boolean> {
  const address = parseAddress(target.address);
  if (typeof address === "string" || address.kind !== "tcp") return false;
  const ended = new AbortController();
  const timer = options.runtime.timers.after(options.timeoutMs, () => ended.abort());
  const signal = AbortSignal.any([ended.signal, options.signal]);
  try {
    switch (kind.case) {
      case "tcp":
        return await connects(address.host, address.port, signal);
      case "http":
        return await answersGet(
          address.host,
          address.port,
          kind.value.path || "/",
          target.tls,
          options.tls,
          signal,
        );
      case "grpc":
        return await isServing(formatAddress(address), kind.value.service, target.tls, {
          ...options,
          signal,
        });
    }
  } catch {
    return false;
  } finally {
    timer.cancel();
    ended.abort();
  }
}

function connects(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (ok: boolean) => {
      signal.removeEventListener("abort", stop);
      socket.destroy();
      resolve(ok);
    };
    const stop = () => end(false);
    signal.addEventListener("abort", stop);
    socket.on("connect", () => end(true));
    socket.on("error", stop);
  });
}

function answersGet(
  host: string,
  port: number,
  path: string,
  isTls: boolean,
  tls: ClientTlsOptions | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  return new Promise((resolve) => {
    const common = {
      host,
      port,
      path,
      signal,
      agent: false as const,
      headers: { "user-agent": "heddle-control" },
    };
    const request = isTls ? httpsRequest({ ...common, ...toNodeTls(tls) }) : httpRequest(common);
    request.on("response", (response) => {
      const { statusCode = 0 } = response;
      response.destroy();
      resolve(statusCode >= 200 && statusCode <= 299);
    });
    request.on("error", () => resolve(false));
    request.on("close", () => resolve(false));
    request.end();
  });
}

function toNodeTls(tls: ClientTlsOptions = {}) {
  const { ca, cert, key, serverName, minVersion } = tls;
  const pem = (given: string | Uint8Array) => (typeof given === "string" ? given : Buffer.from(given));
  return {
    ...(ca === undefined ? {} : { ca: [ca].flat().map(pem) }),
    ...(cert === undefined ? {} : { cert: pem(cert) }),
    ...(key === undefined ? {} : { key: pem(key) }),
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...(minVersion === undefined ? {} : { minVersion }),
  };
}

async function isServing(
  address: string,
  service: string,
  isTls: boolean,
  { runtime, tls, timeoutMs, signal }: ProbeOptions,
): Promise<boolean> {
  const transport = detached(
    createTransport({
      target: address,
      runtime,
      maxAttempts: 1,
      waitForReadyMs: timeoutMs,
      tls: isTls ? (tls ?? true) : false,
    }),
  );
  try {
    const { status } = await createClient(Health, transport).check({ service }, { timeoutMs, signal });
    return status === HealthCheckResponse_ServingStatus.SERVING;
  } finally {
    transport.close("now");
  }
}
