/** A run of the codec suite as people read it: on the terminal, and as its section of RESULTS.md. */
import { circumstancesTable, type RunCircumstances } from "../harness/report.ts";
import { alignedText, grouped, markdownTable, type Table } from "../harness/table.ts";
import type { CodecRow } from "./suite.ts";

export interface CodecResult extends RunCircumstances {
  readonly suite: "codec";
  readonly rows: readonly CodecRow[];
  /** As `toCodecRatios` has them. */
  readonly ratios: Readonly<Record<string, number>>;
}

export function toText(result: CodecResult): string {
  return alignedText(toTable(result));
}

export function toMarkdown(result: CodecResult): string {
  return `## codec: messages to bytes and back

${circumstancesTable(result)}

${markdownTable(toTable(result))}

Operations per second of processor time, medians of the rounds; the last two columns are Heddle's over the other's.
`;
}

function toTable({ rows, ratios }: CodecResult): Table {
  const others = ["protobuf-es", "protobufjs"];
  return [
    ["fixture", "", "bytes", "heddle", ...others, ...others.map((name) => `/ ${name}`)],
    ...rows.map(({ fixture, operation, bytes, perSecond }) => [
      fixture,
      operation,
      grouped(bytes),
      ...["heddle", ...others].map((name) => grouped(perSecond[name] ?? 0)),
      ...others.map((name) => ratios[`heddle/${name}@${fixture}.${operation}`]?.toFixed(2) ?? ""),
    ]),
  ];
}
