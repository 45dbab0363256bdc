import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError } from "heddle";
import { collect, startTestShop, type TestShop } from "../test-shop.ts";
import { ReservationState } from "./gen/shop/v1/inventory_pb.ts";
import { refusalOf } from "./refusal.ts";

const GOOD_CARD = "4000 0000 0000 4242";
const EMPTY_CARD = "4000 0000 0000 0002";

async function available(shop: TestShop, sku: string): Promise<number | undefined> {
  const { levels } = await shop.inventory.getStock({});
  return levels.find((level) => level.sku === sku)?.available;
}

const hasCode = (code: Code) => (error: unknown) => ConnectError.from(error).code === code;

test("a reservation that is sent twice takes stock once", async () => {
  await using shop = await startTestShop();
  const before = (await available(shop, "lamp")) ?? 0;
  const request = { orderId: "a", sku: "lamp", quantity: 3 };
  const first = await shop.inventory.reserve(request);
  assert.deepEqual(await shop.inventory.reserve(request), first);
  assert.equal(await available(shop, "lamp"), before - 3);
});

test("an order id that stands for another reservation is refused and takes nothing", async () => {
  await using shop = await startTestShop();
  await shop.inventory.reserve({ orderId: "a", sku: "lamp", quantity: 3 });
  const before = await available(shop, "lamp");
  await assert.rejects(
    shop.inventory.reserve({ orderId: "a", sku: "lamp", quantity: 4 }),
    hasCode(Code.AlreadyExists),
  );
  await assert.rejects(
    shop.inventory.reserve({ orderId: "a", sku: "mug", quantity: 3 }),
    hasCode(Code.AlreadyExists),
  );
  assert.equal(await available(shop, "lamp"), before);
});

test("who was told that it is out of stock stays told so, also when stock comes back", async () => {
  await using shop = await startTestShop();
  const all = (await available(shop, "lamp")) ?? 0;
  await shop.inventory.reserve({ orderId: "a", sku: "lamp", quantity: all - 1 });
  const late = { orderId: "b", sku: "lamp", quantity: 2 };
  const isOutOfStock = (error: unknown) => {
    const refusal = refusalOf(error);
    assert.equal(refusal?.$typeName, "shop.v1.OutOfStock");
    const { sku, requested, available: left } = refusal;
    assert.deepEqual({ sku, requested, left }, { sku: "lamp", requested: 2, left: 1 });
    return true;
  };
  await assert.rejects(shop.inventory.reserve(late), isOutOfStock);
  await shop.inventory.release({ orderId: "a" });
  assert.equal(await available(shop, "lamp"), all);
  await assert.rejects(shop.inventory.reserve(late), isOutOfStock);
  assert.equal(await available(shop, "lamp"), all);
});

test("release gives back once, and a confirmed reservation can't be released", async () => {
  await using shop = await startTestShop();
  const before = (await available(shop, "mug")) ?? 0;
  await shop.inventory.reserve({ orderId: "a", sku: "mug", quantity: 2 });
  await shop.inventory.release({ orderId: "a" });
  await shop.inventory.release({ orderId: "a" });
  assert.equal(await available(shop, "mug"), before);

  await shop.inventory.reserve({ orderId: "b", sku: "mug", quantity: 2 });
  await shop.inventory.confirm({ orderId: "b" });
  await shop.inventory.confirm({ orderId: "b" });
  await assert.rejects(shop.inventory.release({ orderId: "b" }), hasCode(Code.FailedPrecondition));
  await assert.rejects(shop.inventory.confirm({ orderId: "nobody" }), hasCode(Code.FailedPrecondition));
  assert.equal(await available(shop, "mug"), before - 2);
  const states = (await collect(shop.inventory.listReservations({}))).map(({ orderId, state }) => [
    orderId,
    state,
  ]);
  assert.deepEqual(states, [
    ["a", ReservationState.RELEASED],
    ["b", ReservationState.CONFIRMED],
  ]);
});

test("inventory says what it does not have, and what makes no sense", async () => {
  await using shop = await startTestShop();
  await assert.rejects(
    shop.inventory.reserve({ orderId: "a", sku: "cat", quantity: 1 }),
    hasCode(Code.NotFound),
  );
  await assert.rejects(
    shop.inventory.reserve({ orderId: "a", sku: "mug", quantity: 0 }),
    hasCode(Code.InvalidArgument),
  );
});

test("a charge that is sent twice charges once; another amount or card under its id is refused", async () => {
  await using shop = await startTestShop();
  const request = { orderId: "a", amountCents: 2500n, card: GOOD_CARD };
  await shop.payments.charge(request);
  await shop.payments.charge(request);
  await assert.rejects(shop.payments.charge({ ...request, amountCents: 1n }), hasCode(Code.AlreadyExists));
  await assert.rejects(shop.payments.charge({ ...request, card: EMPTY_CARD }), hasCode(Code.AlreadyExists));
  const charges = await collect(shop.payments.listCharges({}));
  assert.deepEqual(
    charges.map(({ orderId, amountCents, declinedReason }) => ({ orderId, amountCents, declinedReason })),
    [{ orderId: "a", amountCents: 2500n, declinedReason: "" }],
  );
});

test("a declined card is a typed error, each time", async () => {
  await using shop = await startTestShop();
  for (const _attempt of [1, 2]) {
    await assert.rejects(
      shop.payments.charge({ orderId: "a", amountCents: 100n, card: EMPTY_CARD }),
      (error) => {
        const refusal = refusalOf(error);
        assert.equal(refusal?.$typeName, "shop.v1.PaymentDeclined");
        assert.equal(refusal.reason, "insufficient funds");
        assert.equal(refusal.orderId, "a");
        return true;
      },
    );
  }
});

test("an order is told once", async () => {
  await using shop = await startTestShop();
  await shop.notifications.notify({ orderId: "a", text: "hello" });
  await shop.notifications.notify({ orderId: "a", text: "hello" });
  assert.equal((await collect(shop.notifications.listNotifications({}))).length, 1);
});

test("an error that is no refusal is none", () => {
  assert.equal(refusalOf(new Error("boom")), undefined);
  assert.equal(refusalOf(new ConnectError("no", Code.FailedPrecondition)), undefined);
});
