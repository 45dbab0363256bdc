/**
 * A link is a caller, a callee, and the wire between them; a pair is a way to make links. The suite is a table of
 * cases, and every case runs over every pair: `npm test` takes the pairs of which each says something new, and
 * `npm run test:real` the others, and what is heavy.
 */
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { after, describe, test } from "node:test";
import { EchoService } from "../gen/heddle/test/v1/echo_pb.ts";
import { createEchoService } from "../kit/echo-service.ts";
import type { Callee, Caller, LinkSettings, StartCallee, StartCaller } from "../kit/peers/peer.ts";
import { Witness } from "../kit/witness.ts";

export interface Pair {
  readonly name: string;
  readonly caller: StartCaller;
  readonly callee: StartCallee;
  /** What this pair cannot do because of the implementation that is not ours, with the reason. */
  readonly lacks?: Partial<Record<Ability, string>>;
  /** `npm test` runs it: Heddle to itself, and one pair of each protocol in each direction. */
  readonly often?: boolean;
}

/** What a case may need and an implementation may lack. */
export type Ability =
  /** The server compresses answers. */
  | "compressedAnswers"
  /** Both know brotli and zstd. */
  | "newCompressions"
  /** A message is as large as the bytes in it. */
  | "exactSizes"
  /** Answers may come while requests are still sent. */
  | "bidi";

export interface Link {
  readonly client: Client<typeof EchoService>;
  readonly transport: Transport;
  readonly witness: Witness;
  /** True when our server is at the other end, so that its texts can be expected. */
  readonly oursAnswers: boolean;
  readonly oursCalls: boolean;
  /** For cases of which only a part needs it. */
  can(ability: Ability): boolean;
}

export interface Case {
  readonly name: string;
  readonly settings?: LinkSettings;
  readonly needs?: readonly Ability[];
  /** It takes seconds: `npm run test:real` runs it over all pairs, `npm test` over none. */
  readonly heavy?: boolean;
  run(link: Link): Promise<void>;
}

const DEFAULTS: LinkSettings = {};

/** True when this run has what is tested often, or when it has the rest and this is of it. */
export function isRunNow(often: boolean): boolean {
  return often !== (process.env.HEDDLE_TEST_REAL === "1");
}

/** Runs all cases over one pair; cases with the same settings share a link. */
export function runSuite(pair: Pair, cases: readonly Case[]): void {
  describe(pair.name, { concurrency: 8 }, () => {
    const links = new Map<LinkSettings, Promise<OpenLink>>();
    const linkFor = (settings: LinkSettings) => {
      const link = links.get(settings) ?? openLink(pair, settings);
      links.set(settings, link);
      return link;
    };
    for (const { name, settings = DEFAULTS, needs, heavy = false, run } of cases) {
      if (!isRunNow(pair.often === true && !heavy)) continue;
      if (needs?.some((ability) => pair.lacks?.[ability] !== undefined)) continue;
      test(name, async () => run(await linkFor(settings)));
    }
    after(async () => {
      for (const link of links.values()) await (await link)[Symbol.asyncDispose]();
    });
  });
}

interface OpenLink extends Link, AsyncDisposable {}

async function openLink(pair: Pair, settings: LinkSettings): Promise<OpenLink> {
  const witness = new Witness();
  const callee: Callee = await pair.callee(createEchoService({ witness }), settings);
  const caller: Caller = pair.caller(callee.address, settings);
  return {
    transport: caller.transport,
    client: createClient(EchoService, caller.transport),
    witness,
    oursAnswers: pair.name.endsWith("heddle"),
    oursCalls: pair.name.startsWith("heddle"),
    can: (ability) => pair.lacks?.[ability] === undefined,
    async [Symbol.asyncDispose]() {
      caller[Symbol.dispose]();
      await callee[Symbol.asyncDispose]();
    },
  };
}
