/**
 * The two ways of speaking on an aggregated stream: state of the world, where each answer is everything, and delta, where it is
 * what has changed. Pure: events of a stream in, requests out. One dialect lives as long as one stream, for nonces do; what
 * outlives streams is in the store.
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Node } from "../../gen/envoy/config/core/v3/core_pb.ts";
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  type DiscoveryRequest,
  DiscoveryRequestSchema,
  type DiscoveryResponse,
} from "../../gen/envoy/service/discovery/v3/discovery_pb.ts";
import { type Status, StatusSchema } from "../../gen/google/rpc/status_pb.ts";
import { TYPE_URLS, XDS_TYPES, type XdsType } from "./xds-resource.ts";
import type { XdsStore } from "./xds-store.ts";

export interface AdsDialect<Request, Response> {
  /** What to send because other names are wanted now; the first time, because the stream is new. */
  subscribe(type: XdsType): Request | undefined;
  /** Takes an answer, and gives the acknowledgement or refusal. Undefined for a type that was never asked for. */
  answer(response: Response): { readonly request: Request; readonly faults: readonly string[] } | undefined;
}

/** Versions that were accepted, by type: they outlive streams. */
export type AcceptedVersions = Map<XdsType, string>;

export function createSotwDialect(
  store: XdsStore,
  node: Node,
  versions: AcceptedVersions,
): AdsDialect<DiscoveryRequest, DiscoveryResponse> {
  /** Of the last answer, kept even while no name of the type is wanted. */
  const nonces = new Map<XdsType, string>();
  const sent = new Map<XdsType, string>();
  let isFirst = true;

  function request(type: XdsType, names: readonly string[], fault?: string): DiscoveryRequest {
    // A version on a new stream says "I have that": not true while anything is missing.
    const canResume = sent.has(type) || names.every((name) => store.entry(type, name).kind === "present");
    const made = create(DiscoveryRequestSchema, {
      typeUrl: TYPE_URLS[type],
      resourceNames: [...names],
      versionInfo: canResume ? (versions.get(type) ?? "") : "",
      responseNonce: nonces.get(type) ?? "",
      ...(isFirst ? { node } : {}),
      ...refusal(fault),
    });
    isFirst = false;
    sent.set(type, names.join("\n"));
    store.asked(type, names);
    return made;
  }

  return {
    subscribe(type) {
      const names = store.names(type);
      const before = sent.get(type);
      // An empty first list would mean everything.
      if (before === undefined ? names.length === 0 : before === names.join("\n")) return undefined;
      return request(type, names);
    },
    answer({ typeUrl, versionInfo, nonce, resources }) {
      const type = typeOf(typeUrl);
      if (type === undefined || !sent.has(type)) return undefined;
      nonces.set(type, nonce);
      const before = new Set(store.versions(type).keys());
      const { faults, names } = store.accept(
        type,
        resources.map((any) => ({ any, version: versionInfo })),
      );
      if (faults.length === 0) versions.set(type, versionInfo);
      // Of these two an answer is everything. What has no name may be any of them, so then nobody is missing.
      if ((type === "listener" || type === "cluster") && !names.has(""))
        store.remove(
          type,
          [...before].filter((name) => !names.has(name)),
        );
      return { request: request(type, store.names(type), sentence(faults)), faults };
    },
  };
}

export function createDeltaDialect(
  store: XdsStore,
  node: Node,
): AdsDialect<DeltaDiscoveryRequest, DeltaDiscoveryResponse> {
  const subscribed = new Map<XdsType, Set<string>>();
  let isFirst = true;

  function request(
    type: XdsType,
    more: Omit<MessageInitShape<typeof DeltaDiscoveryRequestSchema>, "$typeName">,
  ): DeltaDiscoveryRequest {
    const made = create(DeltaDiscoveryRequestSchema, {
      typeUrl: TYPE_URLS[type],
      ...(isFirst ? { node } : {}),
      ...more,
    });
    isFirst = false;
    return made;
  }

  return {
    subscribe(type) {
      const wanted = new Set(store.names(type));
      const before = subscribed.get(type);
      const added = [...wanted].filter((name) => !before?.has(name));
      const dropped = [...(before ?? [])].filter((name) => !wanted.has(name));
      if (added.length + dropped.length === 0) return undefined;
      subscribed.set(type, wanted);
      store.asked(type, added);
      return request(type, {
        resourceNamesSubscribe: added,
        resourceNamesUnsubscribe: dropped,
        ...(before ? {} : { initialResourceVersions: Object.fromEntries(store.versions(type)) }),
      });
    },
    answer({ typeUrl, nonce, resources, removedResources }) {
      const type = typeOf(typeUrl);
      if (type === undefined || !subscribed.has(type)) return undefined;
      const { faults } = store.accept(
        type,
        resources.flatMap(({ name, version, resource }) =>
          resource === undefined ? [] : [{ any: resource, name, version }],
        ),
      );
      store.remove(type, removedResources);
      return { request: request(type, { responseNonce: nonce, ...refusal(sentence(faults)) }), faults };
    },
  };
}

const INVALID_ARGUMENT = 3;

function refusal(fault: string | undefined): { errorDetail?: Status } {
  return fault === undefined
    ? {}
    : { errorDetail: create(StatusSchema, { code: INVALID_ARGUMENT, message: fault }) };
}

function typeOf(typeUrl: string): XdsType | undefined {
  return XDS_TYPES.find((type) => TYPE_URLS[type] === typeUrl);
}

function sentence(faults: readonly string[]): string | undefined {
  return faults.length === 0 ? undefined : faults.join("; ").slice(0, 4_000);
}
