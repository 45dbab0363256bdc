/**
 * What the contract suite must be told about a registry: how it is started, how fast it is, and what it can't do. A check
 * that does not apply is left out here, with the reason, and every run prints that.
 */
import type { Endpoint } from "heddle/discovery";
import type { RegistryNode } from "../registry-server.ts";

export interface RegistryUnderTest {
  /** As it stands in the names of tests. */
  readonly name: string;
  readonly bounds: RegistryBounds;
  /** Check → why it says nothing about this registry. */
  readonly leftOut: Readonly<Partial<Record<CheckName, string>>>;
  /** Field of an instance → why a caller doesn't see it as it was registered. */
  readonly loses: Readonly<Partial<Record<CarriedField, string>>>;
  /** How many instances "many" are, when a registry can't hold 5 000 under one name; with the reason. */
  readonly many?: { readonly count: number; readonly reason: string };
  start(): Promise<StartedRegistry>;
}

/** In ms, on a machine that has other things to do. All are bounds of waits, none is waited for in full. */
export interface RegistryBounds {
  /** How long an instance stays that is not renewed, as `url()` asks for it; how long an answer holds where there are no leases. */
  readonly leaseMs: number;
  /** A change is with every caller. */
  readonly changeMs: number;
  /** An instance that was killed is gone. */
  readonly goneMs: number;
  /** A server that is frozen is taken for lost, by callers and by those who are registered. */
  readonly noticedMs: number;
  /** When a fault has ended everything is as it should be. */
  readonly mendedMs: number;
  /** How many changes the latency is measured with. */
  readonly latencyChanges: number;
}

export interface StartedRegistry {
  readonly nodes: readonly FailingNode[];
  /** For clients: of these nodes (or of what stands before them), with the short lease of the bounds or a usual one. */
  url(options?: { readonly hosts?: readonly string[]; readonly lease?: "short" | "long" }): string;
  /** Where registering is somebody else's job: makes these all there is of a service. */
  readonly publish?: (service: string, endpoints: readonly Endpoint[]) => Promise<void>;
  /** Registers many at once in another way than the registrar. Default: the registrar. */
  readonly registerMany?: (service: string, endpoints: readonly Endpoint[]) => Promise<void>;
  /** Tells a write from what a registrar asks before it. Default: whatever is said next is, or brings, a write. */
  readonly isWrite?: (request: Buffer) => boolean;
  /** Makes every cursor that was given out so far too old. */
  readonly forgetHistory?: () => Promise<void>;
  stop(): Promise<void>;
}

export type FailingNode = Pick<RegistryNode, "address" | "freeze" | "thaw" | "kill" | "restart">;

export type CarriedField = Exclude<keyof Endpoint, "address" | "health">;

export type CheckName =
  | "fields"
  | "renewal"
  | "expiry"
  | "killed instance"
  | "incarnations"
  | "lost answer"
  | "frozen server"
  | "restarted server"
  | "forgotten history"
  | "one node silent"
  | "one node left"
  | "many instances"
  | "slow reader"
  | "frozen reader"
  | "clock jump"
  | "latency";
