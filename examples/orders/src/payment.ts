/** The process of the payment service. Run it as often as you like: instances share their database file. */
import { createMesh } from "heddle";
import { followStarter } from "./follow-starter.ts";
import { paymentService, openPayments } from "./payment-service.ts";

const mesh = await createMesh({ service: "payment" });
const server = await mesh.serve(paymentService(openPayments()));
await followStarter(mesh, server);
