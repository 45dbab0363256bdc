/**
 * Stock as customers see it. It stands beside orders, so that a shop has one address for everything that its customers
 * ask for; what there is, inventory knows.
 */
import { Code, ConnectError, implement, type Implementation } from "heddle";
import { StockService } from "./gen/shop/v1/stock_pb.ts";
import type { OrderDependencies } from "./order-service.ts";

export function stockService({ inventory }: Pick<OrderDependencies, "inventory">): Implementation {
  return implement(StockService, {
    async getStockLevel({ sku }) {
      const { levels } = await inventory.getStock({});
      const level = levels.find((level) => level.sku === sku);
      if (level === undefined) throw new ConnectError(`there is no "${sku}" in this shop`, Code.NotFound);
      return { level };
    },

    async listStockLevels() {
      const { levels } = await inventory.getStock({});
      return { levels };
    },
  });
}
