import { colours, print, printable, printProse, Table } from "@lock/demo-kit";
import type { Series } from "./collector.ts";
import { quantile } from "./quantile.ts";
import { showMs } from "./show-ms.ts";
import { paintOfService } from "./show-trees.ts";

const SHOWN = ["lock.acquire.duration", "lock.hold.duration", "lock.conflicts", "lock.waiting"];
const COLUMNS = {
  service: { title: "service", width: 8 },
  key: { title: "key", width: 6, rank: 2 },
  outcome: { title: "outcome", width: 8 },
  count: { title: "count", width: -5 },
  p50: { title: "p50", width: -7, rank: 1 },
  most: { title: "max", width: -7 },
};

const LEGEND = `The key is only the part before the ":": metrics never show raw keys. The max of lock.waiting is the largest
value of all exports.`;

/** The metrics that show a slow holder. */
export function printMetrics(series: readonly Series[]): void {
  const table = new Table<keyof typeof COLUMNS>(COLUMNS, 4);
  printProse(`${colours.dim(LEGEND)}\n`);
  print(colours.bold(`    ${table.header}`));
  for (const metric of SHOWN) {
    print(`  ${metric}`);
    const own = series.filter((each) => each.metric === metric);
    for (const each of own.toSorted((a, b) => b.service.localeCompare(a.service))) {
      print(`    ${table.row(cellsOf(each))}`);
    }
  }
}

function cellsOf({ service, metric, attributes, value, highest, histogram }: Series) {
  return {
    service: paintOfService(service)(service),
    key: printable(String(attributes["lock.key"])),
    outcome: printable(String(attributes["lock.outcome"] ?? "")),
    count: String(value),
    p50: histogram === undefined ? "" : showMs(quantile(0.5, histogram) * 1_000),
    most: histogram === undefined ? highestOf(metric, highest) : showMs(histogram.most * 1_000),
  };
}

/** A counter only grows: its value is its highest one. */
function highestOf(metric: string, highest: number): string {
  return metric === "lock.waiting" ? String(highest) : "";
}
