import { HeddleError } from "../../call/errors.ts";
import type { ServerLayer } from "../layer.ts";

/** Finds the method and its handler. */
export const route: ServerLayer = {
  name: "route",
  does: "finds the method that the path names; UNIMPLEMENTED if there is none",
  order: "outside all that depends on the method",
  create: ({ router }, link) => ({
    down(call) {
      call.route = call.form === "proto" ? router.find(call.path) : router.findJson(call.path);
      if (call.route !== undefined) {
        const { counts } = call.route;
        if (counts !== undefined) counts.started++;
        return link.down(call);
      }
      call.error = new HeddleError("methodUnknown", {
        path: call.path.slice(0, 200),
        served: router.servedNear(call.path),
      });
      link.up(call);
    },
  }),
};
