/** A fleet on real sockets with faults between it and its callers, which know it by a fixed list. */
import {
  type CallRecord,
  type Client,
  type ClientOptions,
  createServer,
  createTransport,
  implement,
  type Interceptor,
  recordOf,
} from "heddle";
import { createStaticResolver } from "heddle/discovery";
import { createFaults, type Faults, type InstanceFaults, type Way } from "heddle/testing";
import { createClient } from "@connectrpc/connect";
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { createEchoService } from "../kit/echo-service.ts";
import { Traffic, type TrafficOptions } from "../kit/traffic.ts";

export interface Instance {
  readonly name: string;
  readonly address: string;
  readonly faults: InstanceFaults;
  close(drainMs: number): Promise<unknown>;
}

export interface FleetOptions {
  readonly seed: number;
  /** Default four: a, b, c, d. */
  readonly names?: readonly string[];
  /** In front of an instance's handlers. */
  readonly interceptors?: Readonly<Record<string, Interceptor>>;
}

export class Fleet {
  readonly faults: Faults;
  readonly instances: readonly Instance[];
  readonly #t: TestContext;

  constructor(t: TestContext, faults: Faults, instances: readonly Instance[]) {
    this.#t = t;
    this.faults = faults;
    this.instances = instances;
  }

  get(name: string): Instance {
    const instance = this.instances.find((one) => one.name === name);
    assert.ok(instance !== undefined);
    return instance;
  }

  /** Between a caller and an instance. */
  way(caller: string, name: string): Way {
    return this.faults.between(caller, this.get(name).address);
  }

  /** A client that knows these instances; all of them by default. */
  caller(
    name: string,
    { names, ...options }: ClientOptions & { readonly names?: readonly string[] } = {},
  ): Client<typeof EchoService> {
    const known = this.instances.filter((instance) => names?.includes(instance.name) ?? true);
    const transport = createTransport({
      target: `static:///${known.map(({ address }) => address).join(",")}`,
      resolvers: [this.faults.resolver(name, createStaticResolver())],
      ...options,
    });
    this.#t.after(() => transport.close("now"));
    return createClient(EchoService, transport);
  }

  /** Traffic of a caller, with default settings unless told otherwise, which has already reached every instance. */
  async traffic(name: string, options: TrafficOptions = {}, settings: ClientOptions = {}): Promise<Traffic> {
    const traffic = new Traffic(this.caller(name, settings), options);
    this.#t.after(() => traffic.stop());
    for (const instance of this.instances) await traffic.more(10, instance.name);
    return traffic;
  }

  /** What the failed call of somebody says who knows only this instance, to whom `strike` happens before the call. */
  async errorOf(
    name: string,
    { caller = "lonely", timeoutMs = 1000, strike }: Loneliness,
  ): Promise<{ readonly error: Error; readonly record: CallRecord; readonly text: string }> {
    const client = this.caller(caller, { names: [name], waitForReadyMs: 500 });
    await client.idempotentUnary({});
    await strike();
    const error = await client.idempotentUnary({}, { timeoutMs }).then(
      () => assert.fail(`a call to ${name} alone succeeded`),
      (caught: unknown) => caught,
    );
    assert.ok(error instanceof Error);
    const record = recordOf(error);
    const text = `${String(error)} ${JSON.stringify(record)}`;
    assert.ok(record !== undefined, text);
    return { error, record, text };
  }

  /** Its error names the instance, the address that was dialled, and a reason; and why there was no further attempt. */
  async saysWho(name: string, loneliness: Loneliness, status: string, reason: RegExp): Promise<void> {
    const { record, text } = await this.errorOf(name, loneliness);
    const { address } = this.get(name);
    const dialled = await this.faults.route(loneliness.caller ?? "lonely", address);
    assert.equal(record.status, status, text);
    const tried = record.attempts.filter(({ instance }) => instance !== "");
    for (const attempt of tried) {
      assert.equal(attempt.instance, address, text);
      assert.equal(attempt.address, dialled, text);
    }
    const told = tried.at(-1);
    if (told === undefined) assert.ok(text.includes(dialled), text);
    else assert.notEqual(told.error, undefined, text);
    assert.match(text, reason);
    assert.ok(record.stoppedBecause, text);
  }
}

interface Loneliness {
  /** Its ways are its own. Default "lonely". */
  readonly caller?: string;
  readonly timeoutMs?: number;
  readonly strike: () => unknown;
}

/** Real servers, each with faults of its own; all goes with the test. */
export async function startFleet(
  t: TestContext,
  { seed, names = ["a", "b", "c", "d"], interceptors = {} }: FleetOptions,
): Promise<Fleet> {
  const faults = createFaults({ seed });
  t.after(() => faults.close());
  const instances = await Promise.all(
    names.map(async (name): Promise<Instance> => {
      const own = faults.instance(name);
      const server = await createServer({
        services: [implement(EchoService, createEchoService({ instance: name }))],
        interceptors: [own.interceptor, ...(interceptors[name] === undefined ? [] : [interceptors[name]])],
      });
      t.after(() => server.close({ drainMs: 0 }));
      return {
        name,
        address: server.address,
        faults: own,
        close: (drainMs) => server.close({ drainMs }),
      };
    }),
  );
  return new Fleet(t, faults, instances);
}
