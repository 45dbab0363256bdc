/** Tables as people read them: aligned text for a terminal, Markdown for a page. */

export type Table = readonly (readonly string[])[];

/** First column to the left, the others to the right. */
export function alignedText(table: Table): string {
  const widths = (table[0] ?? []).map((_, column) =>
    Math.max(...table.map((line) => line[column]?.length ?? 0)),
  );
  const toCell = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0);
  return table.map((line) => line.map(toCell).join("  ").trimEnd()).join("\n");
}

export function markdownTable([header = [], ...lines]: Table): string {
  const toLine = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = `|${header.map((_, column) => (column === 0 ? "---" : "---:")).join("|")}|`;
  return [toLine(header), rule, ...lines.map(toLine)].join("\n");
}

/** `heddle/grpc-js@64`: one line per pair of peers, one column per level. */
export function ratioTable(
  ratios: Readonly<Record<string, number>>,
  toLevel: (level: number) => string,
): Table {
  const lines = new Map<string, Map<string, number>>();
  const levels = new Set<string>();
  for (const [key, value] of Object.entries(ratios)) {
    const [pair = "", level = ""] = key.split("@");
    levels.add(level);
    lines.set(pair, (lines.get(pair) ?? new Map<string, number>()).set(level, value));
  }
  if (lines.size === 0) return [];
  return [
    ["ratio", ...[...levels].map((level) => toLevel(Number(level)))],
    ...[...lines].map(([pair, values]) => [
      pair,
      ...[...levels].map((level) => values.get(level)?.toFixed(2) ?? ""),
    ]),
  ];
}

export function grouped(value: number): string {
  return Math.round(value).toLocaleString("en");
}
