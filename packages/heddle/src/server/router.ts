/**
 * From the path of a request to the method and its handler.
 */
import type { MethodImpl } from "@connectrpc/connect";
import type { DescMethod } from "@bufbuild/protobuf";
import { HeddleError } from "../call/errors.ts";
import { type Method, methodOf } from "../contract/method.ts";
import type { Implementation } from "./implement.ts";

export interface Route {
  readonly method: Method;
  /** Undefined when the service is served but this method is not implemented. */
  readonly handler: MethodImpl<DescMethod> | undefined;
}

export interface Router {
  /** Full names of the services. */
  readonly services: readonly string[];
  find(path: string): Route | undefined;
}

/** Throws `optionInvalid` when a service is given twice. */
export function createRouter(implementations: readonly Implementation[]): Router {
  const routes = new Map<string, Route>();
  const services = new Set<string>();
  for (const { service, handler } of implementations) {
    if (services.has(service.typeName)) {
      throw new HeddleError("optionInvalid", { option: "services", reason: `${service.typeName} is implemented twice` });
    }
    services.add(service.typeName);
    for (const desc of service.methods) {
      const method = methodOf(desc);
      routes.set(method.path, { method, handler: handler(desc) });
    }
  }
  return { services: [...services], find: (path) => routes.get(path) };
}
