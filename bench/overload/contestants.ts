/** Who calls, and what protects the server. */
import { createTransport } from "heddle";
import { createClient } from "@connectrpc/connect";
import { BlobService } from "../gen/bench/v1/blobs_pb.ts";

export const contestantNames = ["heddle", "unprotected", "naive"] as const;
export type ContestantName = (typeof contestantNames)[number];

export type Level = "critical" | "sheddable";

/** One call as its caller sees it: resolves when it was answered in time. */
export type Call = (level: Level) => Promise<void>;

export interface Contestant {
  readonly label: string;
  /** Whether the server refuses what it cannot do. */
  readonly admission: boolean;
  /** How long a caller waits for an answer, in ms. */
  connect(address: string, timeoutMs: number): { readonly call: Call; close(): void };
}

/** The call may be repeated; the contract of the benchmark does not say it. */
const idempotent = { methods: [{ idempotent: true }] };

export const contestants: Readonly<Record<ContestantName, Contestant>> = {
  heddle: {
    label: "Heddle, as it comes",
    admission: true,
    connect(address, timeoutMs) {
      const transport = createTransport({ target: address, serviceConfig: idempotent });
      const client = createClient(BlobService, transport);
      return {
        call: async (level) => {
          await client.echo({}, { timeoutMs, headers: { "heddle-criticality": level } });
        },
        close: () => transport.close("now"),
      };
    },
  },
  unprotected: {
    label: "no protection, no retries",
    admission: false,
    connect(address, timeoutMs) {
      const transport = createTransport({ target: address, ...bare });
      const client = createClient(BlobService, transport);
      return {
        call: async () => {
          await client.echo({}, { timeoutMs });
        },
        close: () => transport.close("now"),
      };
    },
  },
  naive: {
    label: "no protection, three naive retries",
    admission: false,
    connect(address, timeoutMs) {
      const transport = createTransport({ target: address, ...bare });
      const client = createClient(BlobService, transport);
      return {
        /** As by hand: each of four attempts gets a quarter of the time, and nobody tells the server when one is given up. */
        async call() {
          for (let attempt = 0; attempt < 4; attempt++) {
            const answer = client.echo({}, { timeoutMs: ABANDONED_MS }).then(() => true);
            const patience = Promise.withResolvers<false>();
            const timer = setTimeout(() => patience.resolve(false), timeoutMs / 4);
            const answered = await Promise.race([answer.catch(() => false), patience.promise]);
            clearTimeout(timer);
            if (answered) return;
          }
          throw new Error("no answer in four attempts");
        },
        close: () => transport.close("now"),
      };
    },
  },
};

const bare = { maxAttempts: 1, serviceConfig: { outlierEjection: false, throttling: false } } as const;
/** What was given up ends at last. */
const ABANDONED_MS = 20_000;
