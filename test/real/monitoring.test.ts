/**
 * What `heddle monitoring` writes, used by those for whom it is: promtool checks and plays it, a Prometheus finds a mesh
 * through its control plane, an Alertmanager is told when an instance fails, and every panel of Grafana's dashboards asks
 * for something that is there.
 */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { startAlertmanager, startReceiver } from "../kit/alertmanager.ts";
import { startMonitoredMesh } from "../kit/monitored-mesh.ts";
import { runProgram } from "../kit/program.ts";
import { type Prometheus, startPrometheus } from "../kit/prometheus.ts";
import { until } from "../kit/within.ts";

const heddle = fileURLToPath(new URL("../../packages/heddle/bin/heddle.js", import.meta.url));

const OBJECTIVES = {
  slos: [
    {
      name: "echo",
      service: "echo",
      method: "heddle.test.v1.EchoService/Unary",
      objective: { availability: 99.9, latency: { percent: 99, belowMs: 1000 } },
      labels: { team: "kit" },
    },
    {
      name: "echo-as-called",
      method: "heddle.test.v1.EchoService",
      measuredAt: "client",
      objective: { availability: 99.5 },
    },
  ],
};

/** A folder with everything in it. */
async function written(t: TestContext, ...options: string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "heddle-monitoring-"));
  t.after(() => rm(folder, { recursive: true }));
  const slo = join(folder, "slo.json");
  await writeFile(slo, JSON.stringify(OBJECTIVES));
  await runProgram(process.execPath, [
    heddle,
    "monitoring",
    "all",
    "--out",
    folder,
    "--slo",
    slo,
    ...options,
  ]);
  return folder;
}

test("promtool and amtool accept what is written, and the operator's objects hold the same rules", async (t) => {
  const folder = await written(t, "--alertmanager", "127.0.0.1:9093");
  const rules = (await readdir(join(folder, "rules"))).map((name) => join(folder, "rules", name));
  await runProgram("promtool", ["check", "config", join(folder, "prometheus.yml")]);
  await runProgram("promtool", ["check", "rules", "--lint=all", "--lint-fatal", ...rules]);
  await runProgram("amtool", ["check-config", join(folder, "alertmanager.yml")]);
  for (const name of await readdir(join(folder, "rules"))) {
    const { groups } = await readYaml(join(folder, "rules", name));
    const { kind, spec } = await readYaml(join(folder, "operator", name));
    assert.deepEqual([kind, spec], ["PrometheusRule", { groups }]);
  }
  const { kind, spec } = await readYaml(join(folder, "operator", "pod-monitor.yml"));
  assert.equal(kind, "PodMonitor");
  assert.equal(
    (spec as { podMetricsEndpoints: { path: string }[] }).podMetricsEndpoints[0]?.path,
    "/metrics",
  );
});

test("promtool plays a budget that burns: the page comes within minutes, and ends soon after its cause", async (t) => {
  const folder = await written(t);
  const series = (code: string, values: string) => ({
    series: `rpc_server_call_duration_seconds_count{service="echo", instance="echo-1", rpc_method="heddle.test.v1.EchoService/Unary", rpc_status_code="${code}"}`,
    values,
  });
  const alerts = (severity: string) =>
    `count by (severity, team, slo) (ALERTS{alertstate="firing", slo="echo-availability", severity="${severity}"})`;
  const expect = (severity: "page" | "ticket", minute: number, fires: boolean) => ({
    expr: alerts(severity),
    eval_time: `${minute}m`,
    exp_samples: fires
      ? [{ labels: `{severity="${severity}", slo="echo-availability", team="kit"}`, value: 1 }]
      : [],
  });
  const play = join(folder, "play.yml");
  await writeFile(
    play,
    JSON.stringify({
      rule_files: [join(folder, "rules", "heddle-slo.yml")],
      evaluation_interval: "30s",
      tests: [
        {
          // Six hours of health, then half an hour in which five of a hundred calls fail, then health again.
          interval: "1m",
          input_series: [series("OK", "0+6000x600"), series("INTERNAL", "0+0x360 0+300x30 9000+0x200")],
          promql_expr_test: [
            expect("page", 360, false),
            // After five minutes 0.4 % of the last hour were bad: no more than 1.44 %.
            expect("page", 365, false),
            expect("page", 385, true),
            // The short window is clean again.
            expect("page", 400, false),
            expect("ticket", 360, false),
            // A tenth of the budget is gone in six hours and a half: 0.38 % of these were bad.
            expect("ticket", 391, true),
            // Who fails by the caller's fault burns nothing.
            {
              expr: `slo:sli_error:ratio_rate1d{slo="echo-availability"}`,
              eval_time: "360m",
              exp_samples: [
                { labels: `slo:sli_error:ratio_rate1d{slo="echo-availability", service="echo"}`, value: 0 },
              ],
            },
          ],
        },
        {
          interval: "1m",
          input_series: [series("OK", "0+6000x120"), series("NOT_FOUND", "0+3000x120")],
          promql_expr_test: [expect("page", 110, false), expect("ticket", 110, false)],
        },
      ],
    }),
  );
  await runProgram("promtool", ["test", "rules", play]);
});

test("Prometheus finds a mesh, its rules hold, panels have data, and Alertmanager is told of an instance that fails", {
  timeout: 300_000,
}, async (t) => {
  await using mesh = await startMonitoredMesh();
  await using receiver = await startReceiver();
  const alertmanagerConfig = join(await written(t), "alertmanager.yml");
  await writeFile(
    alertmanagerConfig,
    (await readFile(alertmanagerConfig, "utf8"))
      .replaceAll("http://127.0.0.1:9095", receiver.url)
      .replace("group_wait: 30s", "group_wait: 1s")
      .replace("group_interval: 5m", "group_interval: 1s"),
  );
  await using alertmanager = await startAlertmanager(alertmanagerConfig);
  // An hour is 36 s, five minutes are 3 s.
  const options = ["--registry", mesh.plane, "--alertmanager", alertmanager.address, "--interval", "1"];
  const folder = await written(t, ...options, "--time-scale", "0.01");
  await using prometheus = await startPrometheus({ config: join(folder, "prometheus.yml") });

  // Who is there, where its metrics are, and by which names.
  await until(async () => (await prometheus.query("up == 1")).length === 3, "three targets");
  const { activeTargets } = (await prometheus.ask("targets")) as { activeTargets: readonly Target[] };
  const found = activeTargets.map(({ labels, scrapeUrl }) => [
    labels["instance"],
    labels["service"],
    labels["zone"],
    new URL(scrapeUrl).pathname,
  ]);
  assert.deepEqual(
    found.toSorted((a, b) => String(a).localeCompare(String(b))),
    [
      ["echo-1", "echo", "a", "/metrics"],
      ["echo-2", "echo", "a", "/metrics"],
      ["front-1", "front", "a", "/figures"],
    ],
  );
  assert.ok(activeTargets.some(({ scrapeUrl }) => new URL(scrapeUrl).host === mesh.frontMetrics));

  // While all is well nobody hears of anything.
  await until(async () => (await prometheus.query("slo:budget_left:ratio")).length === 3, "the budgets");
  assert.deepEqual(await prometheus.query('ALERTS{alertstate="firing"}'), []);

  mesh.fails = true;
  const isOf = (state: string) =>
    receiver.notifications.some(
      ({ path, alerts }) =>
        path === "/page" &&
        alerts.some(({ status, labels }) => status === state && labels["slo"] === "echo-availability"),
    );
  await until(() => isOf("firing"), "the page", 90_000);
  const paged = receiver.notifications.filter(({ path }) => path === "/page").flatMap(({ alerts }) => alerts);
  const alert = paged.find(({ labels }) => labels["slo"] === "echo-availability");
  assert.equal(alert?.labels["alertname"], "HeddleErrorBudgetBurnsFast");
  assert.equal(alert?.labels["team"], "kit");
  assert.equal(alert?.labels["service"], "echo");
  assert.match(alert?.annotations["description"] ?? "", /Promised over 30 days: 99.9 % of the calls/);

  await everyRuleIsEvaluated(prometheus);
  await everyPanelHasData(prometheus, join(folder, "grafana", "dashboards"));

  mesh.fails = false;
  await until(() => isOf("resolved"), "the end of the page", 90_000);
});

interface Target {
  readonly labels: Readonly<Record<string, string>>;
  readonly scrapeUrl: string;
}

async function everyRuleIsEvaluated(prometheus: Prometheus): Promise<void> {
  const { groups } = (await prometheus.ask("rules")) as {
    groups: readonly {
      rules: readonly { name: string; type: string; health: string; lastError?: string }[];
    }[];
  };
  const rules = groups.flatMap((group) => group.rules);
  assert.deepEqual(
    rules.filter(({ health }) => health !== "ok"),
    [],
  );
  const kinds = ["recording", "alerting"].map((kind) => rules.filter(({ type }) => type === kind).length);
  assert.ok(
    kinds.every((count) => count > 10),
    `${kinds.join(" and ")} rules`,
  );
  for (const name of new Set(rules.filter(({ type }) => type === "recording").map((rule) => rule.name)))
    assert.ok((await prometheus.query(name)).length > 0, `${name} records nothing`);
}

interface GrafanaPanel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly type: string };
  readonly targets?: readonly { readonly expr: string; readonly refId: string }[];
}

async function everyPanelHasData(prometheus: Prometheus, folder: string): Promise<void> {
  const names = await readdir(folder);
  assert.deepEqual(names.sort(), ["edge.json", "overview.json", "runtime.json", "service.json", "slo.json"]);
  const empty: string[] = [];
  for (const name of names) {
    const board = JSON.parse(await readFile(join(folder, name), "utf8")) as {
      readonly panels: readonly GrafanaPanel[];
      readonly templating: { readonly list: readonly { readonly name: string; readonly query: string }[] };
    };
    const known = board.templating.list.map((variable) => variable.name);
    for (const { name: variable, query } of board.templating.list) {
      const [, selector, label] = /^label_values\((.*), (\w+)\)$/.exec(query) ?? [];
      if (variable === "datasource" || selector === undefined) continue;
      const values = await prometheus.query(`count by (${label}) (${filledIn(selector)})`);
      assert.ok(values.length > 0, `${name}: ${variable} has no values`);
    }
    const ids = board.panels.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length, `${name}: ids`);
    for (const { type, title, targets = [], gridPos } of board.panels) {
      assert.ok(gridPos.x + gridPos.w <= 24, `${name}: ${title} is too wide`);
      if (type === "row") continue;
      assert.ok(targets.length > 0, `${name}: ${title} asks nothing`);
      for (const { expr } of targets) {
        for (const [, variable = ""] of expr.matchAll(/\$(\w+)/g))
          assert.ok(known.includes(variable) || variable === "__rate_interval", `${name}: $${variable}`);
        if ((await prometheus.query(filledIn(expr))).length === 0) empty.push(`${name}: ${title}: ${expr}`);
      }
    }
  }
  assert.deepEqual(empty, []);
}

/** As Grafana does with "All" chosen. */
function filledIn(expr: string): string {
  return expr.replaceAll("$__rate_interval", "10s").replaceAll(/\$\w+/g, ".+");
}

async function readYaml(
  path: string,
): Promise<{ readonly kind?: string; readonly spec?: unknown; readonly groups?: unknown }> {
  return parse(await readFile(path, "utf8")) as { readonly kind?: string };
}
