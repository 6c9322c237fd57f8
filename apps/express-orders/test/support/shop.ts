import { startRedis } from "@lock/redis-harness";
import { Instances } from "../../src/instances.ts";
import { lineToRow, newLedger, type Row } from "../../src/ledger.ts";
import { type Attempt, INSTANCES, type Place } from "../../src/messages.ts";

export interface Shop extends AsyncDisposable {
  readonly first: Place;
  readonly second: Place;
  /** What the instances told so far. */
  readonly attempts: readonly Attempt[];
  rows(): Promise<Row[]>;
  /** Ends the instances. */
  close(): Promise<void>;
}

/** Two instances, with a Redis and a ledger of their own. */
export async function openShop(): Promise<Shop> {
  const redis = await startRedis();
  const ledger = await newLedger(false);
  const tasks = INSTANCES.map((instance) => ({ instance, port: 0, ledger: ledger.path, prefix: "test" }));
  const attempts: Attempt[] = [];
  const instances = new Instances(tasks, { REDIS_URL: redis.url }, (attempt) => attempts.push(attempt));
  const dispose = async () => {
    await instances[Symbol.asyncDispose]();
    await ledger[Symbol.asyncDispose]();
    await redis.stop();
  };
  const [first, second] = await instances.during(instances.open());
  if (first === undefined || second === undefined) throw new Error("there are two instances");
  return {
    first,
    second,
    attempts,
    rows: async () => (await ledger.read()).split("\n").flatMap((line) => lineToRow(line) ?? []),
    close: () => instances[Symbol.asyncDispose](),
    [Symbol.asyncDispose]: dispose,
  };
}
