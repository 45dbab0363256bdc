/** Files by which Grafana finds the data source and the dashboards when it starts: `/etc/grafana/provisioning`. */
export interface GrafanaProvisioningOptions {
  /** URL of Prometheus. */
  readonly prometheus: string;
  readonly intervalSeconds: number;
}

/** By path. */
export function grafanaProvisioning({
  prometheus,
  intervalSeconds,
}: GrafanaProvisioningOptions): Readonly<Record<string, object>> {
  return {
    "provisioning/datasources/heddle.yml": {
      apiVersion: 1,
      datasources: [
        {
          name: "Heddle",
          uid: "heddle-prometheus",
          type: "prometheus",
          access: "proxy",
          url: prometheus,
          // Grafana asks for no shorter window than four of these.
          jsonData: { timeInterval: `${intervalSeconds}s`, httpMethod: "POST" },
        },
      ],
    },
    "provisioning/dashboards/heddle.yml": {
      apiVersion: 1,
      providers: [
        {
          name: "heddle",
          folder: "Heddle",
          type: "file",
          disableDeletion: true,
          options: { path: "/var/lib/grafana/dashboards/heddle" },
        },
      ],
    },
  };
}
