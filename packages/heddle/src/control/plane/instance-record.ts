/**
 * One instance in the registry: what was said of it, who holds it, and how everybody sees it. They differ where the
 * registry knows more than the instance says of itself: its health, that somebody wants it drained, where it came from.
 */
import { create } from "@bufbuild/protobuf";
import {
  type HealthCheck,
  type Instance,
  InstanceHealth,
  InstanceOrigin,
  InstanceSchema,
} from "../../gen/heddle/registry/v1/registry_pb.ts";

/**
 * - `stream`: it registered itself here, and has a lease
 * - `static`: somebody entered it
 * - `remembered`: it was registered before this start
 * - `peer`: it registered itself with another control plane, which keeps its lease
 */
export type HeldBy = "stream" | "static" | "remembered" | "peer";

/** The right of one Register stream over its instance; lost when another stream of the instance takes over. */
export interface RegistrySession {
  readonly id: string;
  readonly incarnation: bigint;
  /** Called when the instance turns out to be registered with another control plane. */
  onTaken?: () => void;
}

interface RecordFields {
  readonly check: HealthCheck | undefined;
  readonly session: RegistrySession | undefined;
  readonly drained: boolean;
  readonly health: InstanceHealth;
}

export class InstanceRecord {
  /** As those who write it said. */
  readonly given: Instance;
  readonly heldBy: HeldBy;
  readonly check: HealthCheck | undefined;
  /** Somebody asked the registry to drain it. */
  readonly drained: boolean;
  /** What the registry's own check found. */
  readonly health: InstanceHealth;
  /** As everybody sees it. The same object as `given` where nothing differs: most instances are kept once. */
  readonly shown: Instance;
  session: RegistrySession | undefined;

  constructor(given: Instance, heldBy: HeldBy, { check, session, drained, health }: RecordFields) {
    this.given = given;
    this.heldBy = heldBy;
    this.check = check;
    this.session = session;
    this.drained = drained;
    this.health = health;
    // The control plane that holds it has checked it. Nobody knows better than itself that it is not ready.
    const saysSo = heldBy === "stream" && given.health === InstanceHealth.UNHEALTHY;
    const shownHealth = heldBy === "peer" || saysSo ? given.health : health;
    const origin = ORIGINS[heldBy];
    const draining = given.draining || drained;
    const asGiven = given.health === shownHealth && given.origin === origin && given.draining === draining;
    this.shown = asGiven
      ? given
      : Object.assign(create(InstanceSchema), given, { health: shownHealth, origin, draining });
  }

  with(change: Partial<Pick<RecordFields, "drained" | "health">>): InstanceRecord {
    const { check, session, drained, health } = this;
    return new InstanceRecord(this.given, this.heldBy, { check, session, drained, health, ...change });
  }

  /** Whether a record of an equal instance would be seen and kept as this one. */
  sameAs(other: InstanceRecord): boolean {
    return (
      this.heldBy === other.heldBy &&
      this.drained === other.drained &&
      this.health === other.health &&
      this.check === other.check
    );
  }
}

const ORIGINS: Readonly<Record<HeldBy, InstanceOrigin>> = {
  stream: InstanceOrigin.UNSPECIFIED,
  static: InstanceOrigin.STATIC,
  remembered: InstanceOrigin.REMEMBERED,
  peer: InstanceOrigin.UNSPECIFIED,
};
