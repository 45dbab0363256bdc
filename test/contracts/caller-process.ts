/** Program: a caller of the order service, which uses the fields that the environment names. It writes a line when it is done. */
import { createMesh } from "heddle";
import { orderService } from "./shop.ts";

interface Order {
  readonly id: string;
  readonly legacyCode: string;
  readonly customer?: { readonly name: string };
}
interface OrderClient {
  getOrder(request: object): Promise<Order>;
  cancelOrder(request: object): Promise<object>;
}

const mesh = await createMesh({
  stateFolder: false,
  onWarning: () => {},
  contractUsage: { reportEveryMs: 100 },
});
const orders = mesh.client(orderService()) as unknown as OrderClient;
const uses = (process.env["SHOP_USES"] ?? "").split(",");
for (let call = 0; call < Number(process.env["SHOP_CALLS"]); call++) {
  const order = await orders.getOrder(uses.includes("shop") ? { id: "7", shop: "north" } : { id: "7" });
  if (uses.includes("legacyCode") && order.legacyCode !== "X-1") throw new Error("another code");
  if (uses.includes("customer.name") && order.customer?.name !== "Ada") throw new Error("another name");
}
if (uses.includes("cancelOrder")) await orders.cancelOrder({ id: "7" });
process.stdout.write("done\n");
// It stays, as services do, until the test ends it.
setInterval(() => {}, 60_000);
