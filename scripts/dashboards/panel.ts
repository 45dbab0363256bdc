/** A panel as data: what it asks, and how the answer is to be shown. `to-grafana.ts` makes Grafana's of it. */
export interface Panel {
  readonly title: string;
  /** What it tells, in a sentence, where the title does not. */
  readonly about?: string;
  /** Default `timeseries`. */
  readonly kind?: "timeseries" | "stat";
  /** One of Grafana's units, such as `s`, `percentunit`, `reqps`. */
  readonly unit: string;
  /** Default false: the scale begins at zero. */
  readonly canBeNegative?: boolean;
  readonly queries: readonly Query[];
}

export interface Query {
  readonly expr: string;
  /** With `{{label}}`. */
  readonly legend: string;
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

export interface Board {
  readonly uid: string;
  readonly title: string;
  readonly about: string;
  /** Choices at the top, each with the query for its values. */
  readonly variables: readonly Variable[];
  readonly rows: readonly Row[];
}

export interface Variable {
  readonly name: string;
  readonly label: string;
  /** Such as `label_values(up, service)`. */
  readonly values: string;
}
