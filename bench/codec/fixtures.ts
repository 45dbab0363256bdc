/**
 * What is encoded and decoded: one message type for each thing that codecs are good or bad at. Every fixture makes
 * messages of one size whose contents depend on a number, so that no codec sees the same object over and over.
 */
import { create, type DescMessage, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import {
  ArticleSchema,
  ArticleState,
  BlobsSchema,
  DoublesSchema,
  LabelsSchema,
  LongsSchema,
  NumbersSchema,
  TextsSchema,
} from "../gen/bench/v1/fixtures_pb.ts";
import { Side, TradeSchema } from "../gen/bench/v1/legacy_pb.ts";
import { PlaceOrderRequestSchema } from "../gen/bench/v1/orders_pb.ts";
import { createOrder } from "../rpc/order.ts";

export interface Fixture {
  readonly schema: DescMessage;
  /** A message of protobuf-es, whose content depends on `number`. */
  create(number: number): Message;
}

export const fixtures = {
  /** The order of the rpc benchmark: about 90 bytes. */
  small: fixture(PlaceOrderRequestSchema, createOrder),
  nested: fixture(ArticleSchema, (n) => create(ArticleSchema, article(n, 6))),
  /** As nested, with a thousand comments. */
  large: fixture(ArticleSchema, (n) => create(ArticleSchema, article(n, 1_000))),
  doubles: fixture(DoublesSchema, (n) =>
    create(DoublesSchema, { values: list(1_000, (i) => Math.sin(i + n)) }),
  ),
  numbers: fixture(NumbersSchema, (n) => create(NumbersSchema, numbers(n))),
  longs: fixture(LongsSchema, (n) =>
    create(LongsSchema, {
      ids: list(200, (i) => 1_700_000_000_000n + BigInt(i * 7919 + n)),
      hashes: list(200, (i) => BigInt.asUintN(64, BigInt(i + n) * 0x9e3779b97f4a7c15n)),
    }),
  ),
  strings: fixture(TextsSchema, (n) => create(TextsSchema, texts(n))),
  maps: fixture(LabelsSchema, (n) => create(LabelsSchema, labels(n))),
  bytes: fixture(BlobsSchema, (n) =>
    create(BlobsSchema, {
      key: bytesOf(16, n),
      digest: bytesOf(32, n + 1),
      parts: [bytesOf(100, n), bytesOf(1_000, n), bytesOf(16_000, n)],
    }),
  ),
  proto2: fixture(TradeSchema, (n) => create(TradeSchema, trade(n))),
} satisfies Record<string, Fixture>;

export type FixtureName = keyof typeof fixtures;

export const fixtureNames = Object.keys(fixtures) as FixtureName[];

export function isFixtureName(name: string): name is FixtureName {
  return Object.hasOwn(fixtures, name);
}

function fixture(schema: DescMessage, make: (number: number) => Message): Fixture {
  return { schema, create: make };
}

function article(n: number, comments: number): MessageInitShape<typeof ArticleSchema> {
  return {
    id: 9_000_000_000n + BigInt(n),
    title: `On the warp and the weft, part ${n}`,
    body: "A heddle guides every thread to its place. ".repeat(8),
    author: author(n),
    comments: list(comments, (i) => ({
      id: BigInt(i + n * 1_000),
      author: author(i + n),
      text:
        i % 3 === 0 ? `Très bien, № ${i}: je suis d’accord` : `I disagree with the paragraph on yarn ${i}`,
      writtenAtMs: 1_700_000_000_000n + BigInt(i * 60_000),
      votes: (i % 7) - 3,
      replies: i % 2 === 0 ? [{ id: BigInt(i), author: author(i), text: "Why?", votes: 1 }] : [],
    })),
    tags: ["weaving", "history", "looms", `volume-${n % 10}`],
    state: ArticleState.PUBLISHED,
    publishedAtMs: 1_700_000_000_123n,
    cover: {
      case: "coverImage",
      value: { url: "https://img.example/looms/1.png", width: 1_600, height: 900 },
    },
    pinned: true,
    score: 4.75 + n / 1_000,
  };
}

function author(n: number) {
  return {
    id: BigInt(n % 97) + 4_000n,
    name: `Ada Weaver ${n % 97}`,
    email: `ada.${n % 97}@example.org`,
    ...(n % 2 === 0 ? { homePage: "https://example.org/ada" } : {}),
  };
}

function numbers(n: number): MessageInitShape<typeof NumbersSchema> {
  return {
    ints: list(200, (i) => (i % 10 === 0 ? -i - n : i * 37 + n)),
    counts: list(200, (i) => (i * i * 31 + n) >>> 0),
    deltas: list(200, (i) => (i % 2 === 0 ? i * 11 : -i * 13) + n),
    floats: list(200, (i) => Math.fround(i / 3 + n)),
    hashes: list(200, (i) => Math.imul(i + n, 0x9e3779b1) >>> 0),
    flags: list(200, (i) => (i + n) % 3 === 0),
  };
}

function texts(n: number): MessageInitShape<typeof TextsSchema> {
  return {
    title: `Loom and thread ${n}`,
    summary: "Every thread passes through the eye of one heddle, and so the pattern is made. ".repeat(12),
    language: "de-CH",
    lines: list(40, (i) => {
      if (i % 8 === 3) return `Grüße aus Zürich, Straße ${i + n}`;
      if (i % 8 === 6) return `織機と糸 ${i + n} 🧵`;
      return `${"thread ".repeat(1 + (i % 5) * 4)}${i + n}`;
    }),
  };
}

function labels(n: number): MessageInitShape<typeof LabelsSchema> {
  return {
    labels: Object.fromEntries(list(30, (i) => [`app.example/key-${i}`, `value-${i + n}`])),
    scores: Object.fromEntries(list(20, (i) => [i * 17, i / 7 + n])),
    authors: Object.fromEntries(list(10, (i) => [`author-${i}`, author(i + n)])),
  };
}

function trade(n: number): MessageInitShape<typeof TradeSchema> {
  return {
    id: 77_000_000n + BigInt(n),
    symbol: "HDDL",
    side: Side.SELL,
    price: 101.25 + n,
    quantity: 300,
    lots: [100, 100, 50, 50],
    legs: list(4, (i) => ({ counterparty: `bank-${i}`, quantity: 75 + i, price: 101.5, side: Side.BUY })),
    settlement: { account: "CH93-0076-2011-6238-5295-7", days: 3 },
    cancelled: false,
  };
}

function bytesOf(length: number, n: number): Uint8Array {
  return new Uint8Array(length).map((_, i) => i * 31 + n);
}

function list<T>(length: number, toItem: (index: number) => T): T[] {
  return Array.from({ length }, (_, i) => toItem(i));
}
