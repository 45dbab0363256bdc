/**
 * What an instrument is: the row of the table that names it. Everything that shows a metric, be it an exposition, a
 * page of the documentation, an alert rule or a panel, reads the row and nothing else, so they cannot disagree.
 *
 * Names, labels and units are OpenTelemetry's (dots, UCUM). What Prometheus calls them follows from the rules in
 * `export/prometheus-family.ts`.
 */
export type InstrumentKind =
  /** Only grows. */
  | "counter"
  /** A state that is read when somebody looks. */
  | "gauge"
  /** How values are distributed. */
  | "histogram";

export interface Instrument {
  /** `rpc.server.call.duration` */
  readonly name: string;
  readonly kind: InstrumentKind;
  /** UCUM: `s`, `By`, `1` for a ratio, `{call}` for what is only counted. */
  readonly unit: string;
  /** Names of the labels, in the order in which their values are given. */
  readonly labels: readonly string[];
  /**
   * Those of the labels whose values come from outside of the program (instances, targets): they become `other` when there
   * are too many. Default none.
   */
  readonly open?: readonly string[];
  /** One sentence, for people. */
  readonly help: string;
  /** Upper bounds of the classic buckets of a histogram, in its unit, ascending. */
  readonly bounds?: readonly number[];
}
