/**
 * `heddle/discovery`: for those who write a resolver or a registrar of their own, or who want to watch a target
 * without calling it.
 */
export { type Address, formatAddress, parseAddress } from "../call/address.ts";
export { createEndpoint, type Endpoint, endpointsEqual } from "./endpoint.ts";
export { createEndpointSet, type EndpointChange, type EndpointSet } from "./endpoint-set.ts";
export {
  createLastGoodStore,
  defaultStateFolder,
  type LastGood,
  type LastGoodStore,
  type LastGoodStoreOptions,
} from "./last-good.ts";
export type { Registrar, Registration, RegistrationChange, RegistrationState } from "./registrar.ts";
export type { Resolver, ResolverDelta, ResolverSnapshot, ResolverUpdate } from "./resolver.ts";
export { createResolvers, type Resolvers } from "./resolvers.ts";
export { createStaticResolver, staticEndpoints } from "./static.ts";
export { heddleTarget, parseTarget, type Target } from "./target.ts";
