/**
 * Prometheus' configuration: it asks the control plane who is there (HTTP service discovery), and calls each instance by the
 * names that rules and dashboards use: `service`, `instance`, `zone`, `version`.
 */
export interface PrometheusConfigOptions {
  /** URL of the control plane as Prometheus reaches it: `http://127.0.0.1:4747`. */
  readonly controlPlane: string;
  /** `host:port` of Alertmanager; without one, alerts are shown by Prometheus alone. */
  readonly alertmanager?: string | undefined;
  /** Seconds between two scrapes, and between two looks at the rules. */
  readonly intervalSeconds: number;
  /** Files with rules, relative to that of the configuration. */
  readonly ruleFiles: readonly string[];
}

/** Meta label of discovery → label that is kept. */
const KEPT_LABELS = {
  __meta_heddle_service: "service",
  __meta_heddle_instance: "instance",
  __meta_heddle_zone: "zone",
  __meta_heddle_version: "version",
} as const;

export function prometheusConfig(options: PrometheusConfigOptions): object {
  const { controlPlane, alertmanager, intervalSeconds, ruleFiles } = options;
  const every = `${intervalSeconds}s`;
  return {
    global: { scrape_interval: every, scrape_timeout: every, evaluation_interval: every },
    rule_files: ruleFiles,
    ...(alertmanager === undefined
      ? {}
      : { alerting: { alertmanagers: [{ static_configs: [{ targets: [alertmanager] }] }] } }),
    scrape_configs: [
      {
        job_name: "heddle",
        http_sd_configs: [{ url: `${controlPlane}/prometheus/sd`, refresh_interval: every }],
        relabel_configs: Object.entries(KEPT_LABELS).map(([from, to]) => ({
          source_labels: [from],
          target_label: to,
        })),
      },
    ],
  };
}
