/**
 * `heddle/discovery`: for those who write a resolver or a registrar of their own, or who want to watch a target
 * without calling it.
 */
export { type Address, formatAddress, parseAddress } from "../call/address.ts";
export type { DebounceOptions } from "./follow/debounce.ts";
export type { DiscoveryEvent, RegistrationEvent, WatchEvent } from "./discovery-event.ts";
export { createEndpoint, type Endpoint, type EndpointHealth, endpointsEqual } from "./endpoint.ts";
export { createEndpointSet, type EndpointChange, type EndpointSet } from "./endpoint-set.ts";
export { type Hold, type Holder, RegistrationRefused } from "./holder.ts";
export type { InstanceCheckKind, InstanceCheckOptions } from "./instance-check.ts";
export type { KnownSetOptions } from "./follow/known-set.ts";
export {
  createLastGoodStore,
  defaultStateFolder,
  type LastGood,
  type LastGoodStore,
  type LastGoodStoreOptions,
} from "./follow/last-good.ts";
export type {
  Registrar,
  Registration,
  RegistrationChange,
  RegistrationOptions,
  RegistrationState,
} from "./registrar.ts";
export {
  createRegistrationLoop,
  type RegistrationLoop,
  type RegistrationLoopOptions,
} from "./register/registration-loop.ts";
export type { RegistryClient } from "./registry-client.ts";
export type { Resolver, ResolverDelta, ResolverSnapshot, ResolverUpdate } from "./resolver.ts";
export { createResolvers, type Resolvers } from "./resolvers.ts";
export type { ShrinkGuardOptions } from "./follow/shrink-guard.ts";
export type { Source, SourceUpdate } from "./source.ts";
export { createStaticResolver, staticEndpoints } from "./static.ts";
export { heddleTarget, parseTarget, type Target } from "./target.ts";
export { createWatchLoop, type WatchLoop, type WatchLoopOptions } from "./follow/watch-loop.ts";
export type { WatchStatus } from "./watch-status.ts";
export type { WatchTuning } from "./follow/watch-tuning.ts";
