/**
 * An example for Alertmanager: pages go to those who are woken, tickets to those who look in the morning, and where an
 * objective pages, its tickets are silent. The receivers are addresses to be replaced.
 */
export function alertmanagerConfig({
  pageUrl,
  ticketUrl,
  groupWaitSeconds = 30,
}: AlertmanagerConfigOptions): object {
  return {
    route: {
      receiver: "tickets",
      group_by: ["alertname", "service", "slo"],
      group_wait: `${groupWaitSeconds}s`,
      group_interval: groupWaitSeconds < 30 ? `${groupWaitSeconds}s` : "5m",
      repeat_interval: "12h",
      routes: [{ matchers: ['severity="page"'], receiver: "pages", repeat_interval: "1h" }],
    },
    inhibit_rules: [
      {
        source_matchers: ['severity="page"', 'slo!=""'],
        target_matchers: ['severity="ticket"', 'slo!=""'],
        equal: ["slo"],
      },
    ],
    receivers: [
      { name: "pages", webhook_configs: [{ url: pageUrl, send_resolved: true }] },
      { name: "tickets", webhook_configs: [{ url: ticketUrl, send_resolved: true }] },
    ],
  };
}

export interface AlertmanagerConfigOptions {
  readonly pageUrl: string;
  readonly ticketUrl: string;
  /** How long it waits for others of the same group. Default 30. */
  readonly groupWaitSeconds?: number;
}
