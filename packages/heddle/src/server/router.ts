/**
 * From the path of a request to the method and its handler.
 */
import type { Registry } from "@bufbuild/protobuf";
import { HeddleError } from "../call/errors.ts";
import { jsonMethod } from "../contract/json-method.ts";
import { type Method, methodOf } from "../contract/method.ts";
import { registryOfServices } from "../contract/registry-of-services.ts";
import { ServiceTimes } from "../resilience/service-times.ts";
import type { Once } from "./idempotency/once.ts";
import type { Implementation, MethodFunction } from "./implement.ts";
import { checkOfErrors, type ErrorCheck } from "./undeclared-errors.ts";
import type { MethodSeries, ServerMetrics } from "./server-metrics.ts";
import type { MessageCheck, Validation } from "./validation.ts";

export interface Route {
  readonly method: Method;
  readonly handler: MethodFunction;
  /** Undefined when no rule has to be kept. */
  readonly checkRequest: MessageCheck | undefined;
  readonly checkAnswer: MessageCheck | undefined;
  /** Undefined when the contract says nothing of its errors. */
  readonly checkError: ErrorCheck | undefined;
  /** How long its calls take here. */
  readonly times: ServiceTimes;
  /** What is counted of its calls; undefined: nothing. */
  readonly counts?: MethodSeries | undefined;
}

export interface Router {
  /** Full names of the services. */
  readonly services: readonly string[];
  /** Undefined for a path that nobody answers, be the service unknown or the method not implemented. */
  find(path: string): Route | undefined;
  /** The same route for messages in JSON. */
  findJson(path: string): Route | undefined;
  /** For texts: the methods of the service that a path names, or all services when that one is unknown. */
  servedNear(path: string): string;
  /** All types that the services know. */
  readonly registry: Registry;
}

/** Throws `optionInvalid` when a service is given twice, `errorsInvalid`, and what `once` throws. */
export function createRouter(
  implementations: readonly Implementation[],
  once: Once = (_method, handler) => handler,
  validation?: Validation,
  counts?: ServerMetrics,
): Router {
  const routes = new Map<string, Route>();
  const services = new Set<string>();
  const jsonRoutes = new Map<string, Route>();
  let registry: Registry | undefined;
  /** Made for the first request in JSON: most servers never see one. */
  const allTypes = () => (registry ??= registryOfServices(implementations.map(({ service }) => service)));
  for (const { service, handler } of implementations) {
    if (services.has(service.typeName)) {
      throw new HeddleError("optionInvalid", {
        option: "services",
        reason: `${service.typeName} is implemented twice`,
      });
    }
    services.add(service.typeName);
    for (const desc of service.methods) {
      const implemented = handler(desc);
      if (implemented === undefined) continue;
      const method = methodOf(desc);
      routes.set(method.path, {
        method,
        handler: once(method, implemented),
        checkRequest: validation?.checkOfRequest(desc),
        checkAnswer: validation?.checkOfAnswer(desc),
        checkError: checkOfErrors(desc),
        times: new ServiceTimes(),
        counts: counts?.of(method.name),
      });
    }
  }
  return {
    services: [...services],
    get registry() {
      return allTypes();
    },
    find: (path) => routes.get(path),
    servedNear(path) {
      const prefix = path.slice(0, path.lastIndexOf("/") + 1);
      const names = services.has(prefix.slice(1, -1))
        ? [...routes.keys()].filter((other) => other.startsWith(prefix)).map((other) => other.slice(1))
        : [...services];
      const more = names.length > MOST_NAMES ? [`and ${names.length - MOST_NAMES} more`] : [];
      return [...names.slice(0, MOST_NAMES), ...more].join(", ") || "nothing";
    },
    findJson(path) {
      const known = jsonRoutes.get(path);
      if (known !== undefined) return known;
      const route = routes.get(path);
      if (route === undefined) return undefined;
      const inJson = { ...route, method: jsonMethod(route.method, allTypes()) };
      jsonRoutes.set(path, inJson);
      return inJson;
    },
  };
}

/** Names in one text: it travels in a header field. */
const MOST_NAMES = 20;
