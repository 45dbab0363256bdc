/** The process of the inventory service. Run it as often as you like: instances share their database file. */
import { createMesh } from "heddle";
import { followStarter } from "./follow-starter.ts";
import { inventoryService, openInventory } from "./inventory-service.ts";

const mesh = await createMesh({ service: "inventory" });
const server = await mesh.serve(inventoryService(openInventory()));
await followStarter(mesh, server);
