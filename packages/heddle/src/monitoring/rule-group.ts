/** Groups of rules as a rules file of Prometheus has them, and a PrometheusRule of its operator. */
export interface RuleGroup {
  readonly name: string;
  /** How often it is evaluated; the server's `evaluation_interval` when absent. */
  readonly interval?: string;
  readonly rules: readonly (RecordingRule | AlertingRule)[];
}

export interface RecordingRule {
  readonly record: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface AlertingRule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** What the makers of rules have in common. */
export interface RuleTiming {
  /**
   * All times of rules are so many times as long. Default 1. Less than 1 is for systems that are tried out, where nobody wants to wait
   * an hour for an alert: with 0.01 an hour is 36 s.
   */
  readonly timeScale: number;
}
