/**
 * NestJS on fastify: a module, a controller and nothing else, no logger. Its decorators are called as the functions that
 * they are, for Node runs these files as they stand. It checks no body unless asked to, and writes with `JSON.stringify`.
 */
import "reflect-metadata";
import { Body, Controller, Get, HttpCode, Module, Param, Post } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { FastifyAdapter, type NestFastifyApplication } from "@nestjs/platform-fastify";
import { type OrderFields, placeOrder } from "../../rpc/order.ts";
import { connectRest } from "../call.ts";
import { accepted, findOrder } from "../orders.ts";
import type { RestPeer } from "../suite.ts";

class OrderController {
  create(order: OrderFields) {
    return { ...placeOrder(order), status: accepted };
  }

  find(orderId: string) {
    return { ...findOrder(orderId), status: accepted };
  }
}

class OrderModule {}

function decorate(): void {
  const { prototype } = OrderController;
  const describe = (name: "create" | "find", ...decorators: MethodDecorator[]) => {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, name) as PropertyDescriptor;
    for (const decorator of decorators) decorator(prototype, name, descriptor);
  };
  Body()(prototype, "create", 0);
  Param("orderId")(prototype, "find", 0);
  describe("create", Post(), HttpCode(200));
  describe("find", Get(":orderId"));
  Controller("/v1/orders")(OrderController);
  Module({ controllers: [OrderController] })(OrderModule);
}

async function startServer() {
  decorate();
  const app = await NestFactory.create<NestFastifyApplication>(OrderModule, new FastifyAdapter(), {
    logger: false,
  });
  await app.listen(0, "127.0.0.1");
  const address = app.getHttpServer().address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    close: () => app.close(),
  };
}

export const post: RestPeer = {
  startServer,
  connect: (port) => connectRest(port, "POST"),
};

export const get: RestPeer = {
  startServer,
  connect: (port) => connectRest(port, "GET"),
};
