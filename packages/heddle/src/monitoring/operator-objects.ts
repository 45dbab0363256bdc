/**
 * Objects of the Prometheus Operator, for clusters: a PodMonitor that finds pods by a label, and the rules as
 * PrometheusRule. In a cluster pods are known without the control plane, and other labels say who they are.
 */
import type { RuleGroup } from "./rule-group.ts";

export interface OperatorOptions {
  readonly namespace: string;
  /** Name of the port of the container at which metrics are. */
  readonly port: string;
}

/** Pods are meant that have the label `app.kubernetes.io/part-of: heddle`; `app.kubernetes.io/name` is their service. */
export function podMonitor({ namespace, port }: OperatorOptions): object {
  return {
    apiVersion: "monitoring.coreos.com/v1",
    kind: "PodMonitor",
    metadata: { name: "heddle", namespace, labels: LABELS },
    spec: {
      selector: { matchLabels: LABELS },
      podMetricsEndpoints: [
        {
          port,
          path: "/metrics",
          relabelings: [
            { sourceLabels: ["__meta_kubernetes_pod_label_app_kubernetes_io_name"], targetLabel: "service" },
            { sourceLabels: ["__meta_kubernetes_pod_name"], targetLabel: "instance" },
            {
              sourceLabels: ["__meta_kubernetes_pod_label_app_kubernetes_io_version"],
              targetLabel: "version",
            },
          ],
        },
      ],
    },
  };
}

export function prometheusRule(
  name: string,
  groups: readonly RuleGroup[],
  { namespace }: Pick<OperatorOptions, "namespace">,
): object {
  return {
    apiVersion: "monitoring.coreos.com/v1",
    kind: "PrometheusRule",
    metadata: { name, namespace, labels: LABELS },
    spec: { groups },
  };
}

const LABELS = { "app.kubernetes.io/part-of": "heddle" } as const;
