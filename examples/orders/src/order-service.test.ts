import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError } from "heddle";
import { collect, startTestShop, type TestShop } from "../test-shop.ts";
import { ReservationState } from "./gen/shop/v1/inventory_pb.ts";
import { OrderState } from "./gen/shop/v1/order_pb.ts";
import { refusalOf } from "./refusal.ts";

const GOOD = { orderId: "a", sku: "mug", quantity: 2, card: "4000 0000 0000 4242" };
const BROKE = { ...GOOD, card: "4000 0000 0000 0002" };

/** What all services wrote down about order "a". */
async function writtenDown(shop: TestShop) {
  const { levels } = await shop.inventory.getStock({});
  const mug = levels.find(({ sku }) => sku === "mug");
  return {
    gone: (mug?.initial ?? 0) - (mug?.available ?? 0),
    reservations: (await collect(shop.inventory.listReservations({}))).map(({ state }) => state),
    charges: (await collect(shop.payments.listCharges({}))).map(
      (charge) => charge.declinedReason || charge.amountCents,
    ),
    notifications: (await collect(shop.notifications.listNotifications({}))).length,
  };
}

const PLACED = {
  gone: 2,
  reservations: [ReservationState.CONFIRMED],
  charges: [2500n],
  notifications: 1,
};
const DECLINED = {
  gone: 0,
  reservations: [ReservationState.RELEASED],
  charges: ["insufficient funds"],
  notifications: 0,
};

/** The client as a process sees it that dies at its call number `at`: just before the call, or just after it. */
function dying<C extends object>(client: C, deaths: { at: number; when: "before" | "after" }): C {
  return new Proxy(client, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== "function") return method;
      return async (request: unknown) => {
        const isLast = deaths.at-- === 0;
        if (isLast && deaths.when === "before") throw died();
        const answer = Reflect.apply(method, target, [request]) as Promise<unknown>;
        if (!isLast) return answer;
        // Its answer, good or bad, is never seen.
        await Promise.allSettled([answer]);
        throw died();
      };
    },
  });
}

function died(): ConnectError {
  return new ConnectError("the process died", Code.Unavailable);
}

test("an order that is placed twice, on two instances, is placed once", async () => {
  await using shop = await startTestShop();
  const [one, other] = [await shop.startOrders(), await shop.startOrders()];
  const { order } = await one.placeOrder(GOOD);
  assert.equal(order?.totalCents, 2500n);
  assert.equal(order.state, OrderState.PLACED);
  assert.deepEqual((await other.placeOrder(GOOD)).order, order);
  assert.deepEqual((await other.getOrder({ orderId: "a" })).order, order);
  assert.deepEqual(await writtenDown(shop), PLACED);
});

test("two instances that work on the same order at the same time place it once", async () => {
  await using shop = await startTestShop();
  const [one, other] = [await shop.startOrders(), await shop.startOrders()];
  const answers = await Promise.all([one.placeOrder(GOOD), other.placeOrder(GOOD), one.placeOrder(GOOD)]);
  assert.deepEqual(
    answers.map(({ order }) => order?.state),
    [OrderState.PLACED, OrderState.PLACED, OrderState.PLACED],
  );
  assert.deepEqual(await writtenDown(shop), PLACED);
});

test("a declined payment gives the stock back, and the answer stays the same", async () => {
  await using shop = await startTestShop();
  const orders = await shop.startOrders();
  for (const _attempt of [1, 2]) {
    await assert.rejects(
      orders.placeOrder(BROKE),
      (error) => refusalOf(error)?.$typeName === "shop.v1.PaymentDeclined",
    );
  }
  assert.deepEqual(await writtenDown(shop), DECLINED);
  assert.equal((await orders.getOrder({ orderId: "a" })).order?.state, OrderState.DECLINED);
});

test("an order for more than there is comes back as out of stock, and nobody is charged", async () => {
  await using shop = await startTestShop();
  const orders = await shop.startOrders();
  await assert.rejects(
    orders.placeOrder({ ...GOOD, sku: "lamp", quantity: 1000 }),
    (error) => refusalOf(error)?.$typeName === "shop.v1.OutOfStock",
  );
  const { charges, notifications } = await writtenDown(shop);
  assert.deepEqual({ charges, notifications }, { charges: [], notifications: 0 });
  assert.equal((await orders.getOrder({ orderId: "a" })).order?.state, OrderState.OUT_OF_STOCK);
});

test("the id of an order with another content is refused with a clear error", async () => {
  await using shop = await startTestShop();
  const orders = await shop.startOrders();
  await orders.placeOrder(GOOD);
  for (const other of [{ quantity: 3 }, { sku: "lamp" }, { card: BROKE.card }]) {
    await assert.rejects(orders.placeOrder({ ...GOOD, ...other }), (error) => {
      const { code, rawMessage } = ConnectError.from(error);
      assert.equal(code, Code.AlreadyExists);
      assert.match(rawMessage, /order id a stands for another order/);
      return true;
    });
  }
  assert.deepEqual(await writtenDown(shop), PLACED);
});

test("an order that nobody placed is not found; one without id is refused", async () => {
  await using shop = await startTestShop();
  const orders = await shop.startOrders();
  await assert.rejects(
    orders.getOrder({ orderId: "x" }),
    (error) => ConnectError.from(error).code === Code.NotFound,
  );
  await assert.rejects(
    orders.placeOrder({ ...GOOD, orderId: "" }),
    (error) => ConnectError.from(error).code === Code.InvalidArgument,
  );
});

for (const [name, request, steps, wanted] of [
  ["good", GOOD, 4, PLACED],
  ["declined", BROKE, 3, DECLINED],
] as const) {
  for (const when of ["before", "after"] as const) {
    for (let at = 0; at < steps; at++) {
      test(`an instance that dies ${when} step ${at + 1} of a ${name} order leaves it to another, which ends it once`, async () => {
        await using shop = await startTestShop();
        const deaths = { at, when };
        const victim = await shop.startOrders({
          inventory: dying(shop.inventory, deaths),
          payments: dying(shop.payments, deaths),
          notifications: dying(shop.notifications, deaths),
        });
        await assert.rejects(
          victim.placeOrder(request),
          (error) => ConnectError.from(error).code === Code.Unavailable,
        );
        const survivor = await shop.startOrders();
        assert.equal((await survivor.getOrder({ orderId: "a" })).order?.state, OrderState.PENDING);

        const outcome = await survivor.placeOrder(request).then(
          ({ order }) => order?.state,
          (error: unknown) => refusalOf(error)?.$typeName,
        );
        assert.equal(outcome, wanted === PLACED ? OrderState.PLACED : "shop.v1.PaymentDeclined");
        assert.deepEqual(await writtenDown(shop), wanted);
      });
    }
  }
}
