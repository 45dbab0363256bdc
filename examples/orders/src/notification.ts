/** The process of the notification service. Run it as often as you like: instances share their database file. */
import { createMesh } from "heddle";
import { followStarter } from "./follow-starter.ts";
import { notificationService, openNotifications } from "./notification-service.ts";

const mesh = await createMesh({ service: "notification" });
const server = await mesh.serve(notificationService(openNotifications()));
await followStarter(mesh, server);
