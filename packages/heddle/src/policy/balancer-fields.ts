/**
 * The balancers that a config may name, with the settings of each: the built-in policies of `balance/`, as data.
 */
import { duration, type Field, type Fields, number, whole } from "./field.ts";

const fullScanUpTo: Field = {
  is: whole("instances", 0, 10_000),
  does: "Largest set that is compared as a whole; two choices above.",
  otherwise: "16; 8 for default",
};

const balanceFactor: Field = {
  is: number("percent", { min: 100, max: 10_000 }),
  does: "Percent of its share that an instance may have in flight; 125 is usual.",
  otherwise: "no bound",
};

const probing: Fields = {
  probesPerCall: {
    is: number("", { max: 16 }),
    does: "Probes sent for each call.",
    otherwise: "3",
  },
  removalsPerCall: {
    is: number("", { max: 16 }),
    does: "Answers to probes that are thrown away for each call.",
    otherwise: "1",
  },
  growthPerCall: {
    is: number("", { max: 16 }),
    does: "Answers by which the pool would grow for each call.",
    otherwise: "1",
  },
  maxAgeMs: { is: duration({ above: true }), does: "Age at which an answer is dropped.", otherwise: "1000" },
  maxUses: { is: whole("calls", 1, 10_000), does: "Calls that go by one answer at most.", otherwise: "16" },
};

const hotQuantile: Field = {
  is: { kind: "number or word", number: number("share", { max: 1 }), words: ["adaptive"] },
  does: "The share of instances that count as cold.",
  otherwise: "adaptive, from 0.6 to 0.9",
};

export const balancerFields: Readonly<Record<string, Fields>> = {
  default: { fullScanUpTo, hotQuantile, ...probing },
  pick_first: {},
  round_robin: {},
  random: {},
  weighted_round_robin: {},
  client_side_weighted_round_robin: {
    blackoutMs: {
      is: duration(),
      does: "Time of reports before a weight counts.",
      otherwise: "10 000",
      grpc: "blackoutPeriod",
    },
    expiryMs: {
      is: duration(),
      does: "Silence after which it no longer counts.",
      otherwise: "180 000",
      grpc: "weightExpirationPeriod",
    },
    everyMs: {
      is: duration({ min: 100 }),
      does: "Time between two renewals of the weights.",
      otherwise: "1000",
      grpc: "weightUpdatePeriod",
    },
    errorPenalty: {
      is: number("", { max: 1000 }),
      does: "Weight of errors against utilization.",
      otherwise: "1",
      grpc: "errorUtilizationPenalty",
    },
  },
  least_request: { fullScanUpTo },
  weighted_least_request: {
    bias: {
      is: number("", { max: 100 }),
      does: "How much calls in flight count against weights.",
      otherwise: "1",
    },
  },
  peak_ewma: {
    decayMs: {
      is: duration({ above: true }),
      does: "The weight of what was seen falls to 1/e in this time.",
      otherwise: "10 000",
    },
    fullScanUpTo,
  },
  c3: {
    ...probing,
    clients: {
      is: whole("", 1, 1_000_000),
      does: "Clients of the same set, each assumed to have as many calls in flight as this one.",
      otherwise: "1",
    },
    newestShare: {
      is: number("share", { above: true, max: 1 }),
      does: "Weight of the newest in the averages.",
      otherwise: "0.1",
    },
  },
  prequal: { hotQuantile, ...probing },
  ring_hash: {
    minRingSize: {
      is: whole("", 1, 8_388_608),
      does: "Places on the ring at least.",
      otherwise: "1024",
      grpc: "minRingSize",
    },
    maxRingSize: {
      is: whole("", 1, 8_388_608),
      does: "Places on the ring at most.",
      otherwise: "4096",
      grpc: "maxRingSize",
    },
    balanceFactor,
  },
  maglev: {
    tableSize: {
      is: { ...whole("", 3, 5_000_011), prime: true },
      does: "Slots: a hundred times the instances and more.",
      otherwise: "65 537",
    },
    balanceFactor,
  },
};
