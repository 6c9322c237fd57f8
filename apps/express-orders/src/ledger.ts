import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** One charge. */
export interface Row {
  readonly order: string;
  readonly cents: number;
  readonly instance: string;
  readonly pid: number;
  /** Undefined when it was charged without the lock. */
  readonly fence: number | undefined;
  /** As ISO 8601. */
  readonly time: string;
}

export const HEADER = "order,cents,instance,pid,fence,time";
/** What a row shows in place of a fencing token when there was no lock. */
const NO_FENCE = "-";
const ROW = /^([^,]+),(\d+),(shop-\d+),(\d+),(\d+|-),(\d{4}-\d\d-\d\dT[\d:.]+Z)$/;

/** A table of charges in a CSV file that several processes share, and that no Redis has a part in. */
export class Ledger {
  constructor(readonly path: string) {}

  read(): Promise<string> {
    return readFile(this.path, "utf8");
  }

  async isCharged(order: string): Promise<boolean> {
    const start = `${encodeURIComponent(order)},`;
    return (await this.read()).split("\n").some((line) => line.startsWith(start));
  }

  /** Opened with O_APPEND, and written at once: rows of two processes never mix. */
  append(row: Row): Promise<void> {
    return appendFile(this.path, `${rowToLine(row)}\n`);
  }
}

/** An empty ledger in a directory of its own, which goes with it unless it is to be kept. */
export async function newLedger(keep: boolean): Promise<Ledger & AsyncDisposable> {
  const directory = await mkdtemp(join(tmpdir(), "lock-demo-"));
  const ledger = new Ledger(join(directory, "ledger.csv"));
  await writeFile(ledger.path, `${HEADER}\n`);
  const dispose = async () => {
    if (!keep) await rm(directory, { recursive: true, force: true });
  };
  return Object.assign(ledger, { [Symbol.asyncDispose]: dispose });
}

/** The order is encoded as in a url, so that whatever it is, it stays in its column. */
export function rowToLine({ order, cents, instance, pid, fence, time }: Row): string {
  return [encodeURIComponent(order), cents, instance, pid, fence ?? NO_FENCE, time].join(",");
}

/** Undefined for what is no row. */
export function lineToRow(line: string): Row | undefined {
  const [, order, cents, instance, pid, fence, time] = ROW.exec(line) ?? [];
  const id = order === undefined ? undefined : decode(order);
  if (id === undefined || instance === undefined || time === undefined) return undefined;
  return {
    order: id,
    cents: Number(cents),
    instance,
    pid: Number(pid),
    fence: fence === NO_FENCE ? undefined : Number(fence),
    time,
  };
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
