/** Reflection, asked by a client that others wrote, which calls a method with no more than it was told. */
import "../kit/trap.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { credentials, type GrpcObject, type ServiceClientConstructor } from "@grpc/grpc-js";
import { GrpcReflection } from "grpc-js-reflection-client";
import { startEcho } from "../kit/running.ts";

for (const version of ["v1", "v1alpha"]) {
  test(`grpc-js learns by ${version} what is served, and calls it`, async (t) => {
    const { address } = await startEcho(t, { reflection: true });
    const reflection = new GrpcReflection(address, credentials.createInsecure(), {}, version);
    assert.deepEqual(await reflection.listServices(), [
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
      "heddle.test.v1.EchoService",
    ]);
    const methods = await reflection.listMethods("heddle.test.v1.EchoService");
    assert.deepEqual(methods.map(({ name }) => name).toSorted(), [
      "BidiStream",
      "ClientStream",
      "IdempotentServerStream",
      "IdempotentUnary",
      "Missing",
      "ServerStream",
      "Unary",
    ]);
    const descriptor = await reflection.getDescriptorBySymbol("heddle.test.v1.EchoService");
    const found = descriptor.getPackageObject({}) as GrpcObject;
    const path = ["heddle", "test", "v1", "EchoService"];
    const EchoClient = path.reduce<GrpcObject>((at, name) => at[name] as GrpcObject, found);
    const client = new (EchoClient as unknown as ServiceClientConstructor)(
      address,
      credentials.createInsecure(),
    );
    t.after(() => client.close());
    const answer = await new Promise<{ readonly echo: { readonly payload: Buffer } }>((resolve, reject) =>
      client["Unary"]?.({ payload: Buffer.from("hello") }, (error: Error | null, value: never) =>
        error === null ? resolve(value) : reject(error),
      ),
    );
    assert.equal(answer.echo.payload.toString(), "hello");
  });
}
