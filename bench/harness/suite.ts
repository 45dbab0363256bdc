/**
 * What a suite of the benchmark is: its contestants, and the load that is put on each of them.
 *
 * A peer is one file under the suite's `peers/`. It serves in one process and calls from another; the harness
 * owns the processes, the load and the clock, so that a peer holds nothing but the code a user of that library
 * would write. Peers are loaded by name and on demand: a library that cannot be loaded fails its own run.
 */

export interface Suite<Client extends PeerClient = PeerClient> {
  /** In the order in which a round visits them. */
  readonly peers: Readonly<Record<string, () => Promise<{ readonly peer: Peer<Client> }>>>;
  /** What is divided by what. Default: each peer of Heddle's by each other peer. */
  readonly ratios?: readonly (readonly [peer: string, other: string])[];
  /** How many operations are in flight at a level of the load, such as "64 calls" or "messages of 1 MiB". */
  inflightAt(level: number): number;
  /** The operation that one slot of the load makes over and over. Its input is built here, before the clock starts. */
  toOperation(client: Client, level: number, slot: number): Operation;
}

/**
 * One call, checked. Tells `done` how many units (calls, messages) have just been completed: at least once, and
 * as often as it likes, so that a long operation is counted while it runs.
 */
export type Operation = (done: (units: number) => void) => Promise<void>;

export interface Peer<Client extends PeerClient = PeerClient> {
  /** A third process holds a registry, and both ends are given its address. Default: no registry. */
  readonly usesRegistry?: boolean;
  /** Both ends get certificates of one authority and show them to each other. Default: plain text. */
  readonly usesTls?: boolean;
  /** Listens on a loopback port that the operating system picks. */
  startServer(setting: PeerSetting): Promise<RunningServer>;
  /** Opens the one client that carries all calls. */
  connect(port: number, setting: PeerSetting): Promise<Client>;
}

export interface PeerSetting {
  /** `host:port` of the registry process; empty for peers without one. */
  readonly registryAddress: string;
  /** The most calls that will be in flight at once; a connection pool is sized by it. */
  readonly maxInflight: number;
  /** What this end trusts and shows, PEM; for peers that use TLS. */
  readonly tls?: PeerCertificates;
}

export interface PeerCertificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface RunningServer {
  readonly port: number;
  close(): Promise<void>;
}

export interface PeerClient {
  close(): Promise<void>;
}

const loaders = {
  rpc: () => import("../rpc/suite.ts"),
  stream: () => import("../stream/suite.ts"),
  payload: () => import("../payload/suite.ts"),
  tls: () => import("../tls/suite.ts"),
  rest: () => import("../rest/suite.ts"),
  telemetry: () => import("../telemetry/suite.ts"),
} satisfies Record<string, () => Promise<{ suite: Suite }>>;

/** Suites that run a serving and a calling process of each peer. */
export type SuiteName = keyof typeof loaders;

export async function loadSuite(name: SuiteName): Promise<Suite> {
  return (await loaders[name]()).suite;
}

/** @throws Error naming the peer, with the cause kept, when there is none of that name or it cannot be loaded. */
export async function loadPeer(suite: SuiteName, name: string): Promise<Peer> {
  const { peers } = await loadSuite(suite);
  const load = Object.hasOwn(peers, name) ? peers[name] : undefined;
  if (!load) throw new Error(`suite ${suite} has no peer "${name}"`);
  try {
    return (await load()).peer;
  } catch (cause) {
    throw new Error(`peer ${name} cannot be loaded`, { cause });
  }
}
