/**
 * Methods whose messages travel as JSON.
 */
import type { DescMethod, DescService, Registry } from "@bufbuild/protobuf";
import { jsonCodec } from "./json-codec.ts";
import { type Method, methodOf } from "./method.ts";
import { registryOfServices } from "./registry-of-services.ts";

/** `method` with its messages as JSON. `registry` knows the types that an `Any` in them may hold. */
export function jsonMethod(method: Method, registry: Registry): Method {
  const { input, output } = method.desc;
  return { ...method, form: "json", input: jsonCodec(input, registry), output: jsonCodec(output, registry) };
}

/**
 * As `methodOf`, with JSON codecs: the same object for the same descriptor. An `Any` may hold what the files of the
 * method's service define and import.
 */
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
