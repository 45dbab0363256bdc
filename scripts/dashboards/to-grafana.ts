/** Grafana's dashboard of one of ours, by the builders of its Foundation SDK: what they do not know does not compile. */
import {
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  DashboardLinkBuilder,
  DashboardLinkType,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
} from "@grafana/grafana-foundation-sdk/dashboard";
import {
  LegendDisplayMode,
  LegendPlacement,
  TooltipDisplayMode,
  SortOrder,
  VisibilityMode,
} from "@grafana/grafana-foundation-sdk/common";
import { VizLegendOptionsBuilder, VizTooltipOptionsBuilder } from "@grafana/grafana-foundation-sdk/common";
import { DataqueryBuilder } from "@grafana/grafana-foundation-sdk/prometheus";
import { PanelBuilder as StatBuilder } from "@grafana/grafana-foundation-sdk/stat";
import { PanelBuilder as TimeseriesBuilder } from "@grafana/grafana-foundation-sdk/timeseries";
import type { Board, Panel, Variable } from "./panel.ts";

const WIDTH = 24;
const SOURCE = { type: "prometheus", uid: "$" + "{datasource}" };

export function toGrafana({ uid, title, about, variables, rows }: Board): Dashboard {
  const builder = new DashboardBuilder(title)
    .uid(uid)
    .description(about)
    .tags(["heddle"])
    .timezone("browser")
    .time({ from: "now-1h", to: "now" })
    .refresh("30s")
    .tooltip(DashboardCursorSync.Crosshair)
    .link(
      new DashboardLinkBuilder("Heddle")
        .type(DashboardLinkType.Dashboards)
        .tags(["heddle"])
        .asDropdown(true)
        .keepTime(true)
        .includeVars(true),
    )
    .withVariable(new DatasourceVariableBuilder("datasource").label("Prometheus").type("prometheus"));
  for (const variable of variables) builder.withVariable(choice(variable));
  let [y, id] = [0, 1];
  for (const row of rows) {
    builder.withRow(new RowBuilder(row.title).id(id++).gridPos({ x: 0, y: y++, w: WIDTH, h: 1 }));
    const isSmall = row.panels.every(({ kind }) => kind === "stat");
    const perLine = isSmall ? row.panels.length : 2;
    const [w, h] = [Math.floor(WIDTH / perLine), isSmall ? 4 : 8];
    for (const [index, panel] of row.panels.entries()) {
      const gridPos = { x: (index % perLine) * w, y: y + Math.floor(index / perLine) * h, w, h };
      builder.withPanel(panelOf(panel).id(id++).gridPos(gridPos));
    }
    y += Math.ceil(row.panels.length / perLine) * h;
  }
  return builder.build();
}

function panelOf({
  title,
  about,
  kind,
  unit,
  canBeNegative = false,
  queries,
}: Panel): TimeseriesBuilder | StatBuilder {
  const builder =
    kind === "stat"
      ? new StatBuilder()
      : new TimeseriesBuilder()
          .lineWidth(1)
          .fillOpacity(8)
          .showPoints(VisibilityMode.Never)
          .legend(
            new VizLegendOptionsBuilder()
              .displayMode(LegendDisplayMode.List)
              .placement(LegendPlacement.Bottom)
              .showLegend(true)
              .calcs([]),
          )
          .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending));
  if (kind !== "stat" && !canBeNegative) builder.min(0);
  builder.title(title).unit(unit).datasource(SOURCE);
  if (about !== undefined) builder.description(about);
  for (const [index, { expr, legend }] of queries.entries()) {
    const query = new DataqueryBuilder()
      .refId(String.fromCharCode(65 + index))
      .expr(expr)
      .legendFormat(legend);
    builder.withTarget(query);
  }
  return builder;
}

function choice({ name, label, values }: Variable): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(SOURCE)
    .query(values)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .multi(true)
    .includeAll(true)
    .allValue(".+");
}
