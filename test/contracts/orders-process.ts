/** Program: the order service. It writes its address, and for each of its callers nothing. */
import { createMesh, implement } from "heddle";
import { orderService } from "./shop.ts";

const mesh = await createMesh({
  service: "orders",
  stateFolder: false,
  onWarning: () => {},
  contractUsage: process.env["SHOP_SILENT"] === "on" ? false : { reportEveryMs: 100 },
});
const getOrder = ({ id }: { id: string }) => ({
  id,
  legacyCode: "X-1",
  note: "ring twice",
  customer: { name: "Ada", fax: "none" },
});
const server = await mesh.serve(
  implement(orderService(), { getOrder, cancelOrder: () => ({}), archiveOrder: () => ({}) } as never),
);
await server.registered;
process.stdout.write(`${server.address}\n`);
