/**
 * Methods whose messages travel as JSON, for clients: the same object for the same descriptor.
 */
import type { DescMethod, DescService, Registry } from "@bufbuild/protobuf";
import { jsonMethod, registryOfServices } from "./json-codec.ts";
import { type Method, methodOf } from "./method.ts";

/** As `methodOf`, with JSON codecs. An `Any` may hold what the files of the method's service define and import. */
export function jsonMethodOf(desc: DescMethod): Method {
  let method = methods.get(desc);
  if (method === undefined) {
    method = jsonMethod(methodOf(desc), registryOf(desc.parent));
    methods.set(desc, method);
  }
  return method;
}

function registryOf(service: DescService): Registry {
  let registry = registries.get(service);
  if (registry === undefined) {
    registry = registryOfServices([service]);
    registries.set(service, registry);
  }
  return registry;
}

const methods = new WeakMap<DescMethod, Method>();
const registries = new WeakMap<DescService, Registry>();
