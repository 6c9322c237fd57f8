import type { Admin, BackendNode, LockState } from "../../contract/admin.ts";
import type { LockName } from "../../contract/mode.ts";
import type { Commands } from "./commands.ts";
import type { RunOnce } from "./commands-options.ts";
import type { RedisDriver, ScriptRunner } from "./driver.ts";
import { keyOf, lockKeys, scanPattern } from "./keys.ts";
import { inspectScript, scanScript } from "./lua/index.ts";
import { readKind } from "./modes.ts";
import { readHolderState, readNumber, readWaiterState } from "./replies.ts";

const WAITERS_SHOWN = 100;
const HOLDERS_SHOWN = 1_000;
const SCAN_COUNT = "500";

/** What is asked and done by operators, on one server or a cluster. */
export class RedisAdmin implements Admin {
  constructor(
    private readonly commands: Pick<Commands, "run" | "forceRelease">,
    private readonly driver: RedisDriver,
    /** Ends what takes too long. */
    private readonly inTime: <T>(work: Promise<T>) => Promise<T>,
  ) {}

  forceRelease(name: LockName, token = ""): Promise<boolean> {
    return this.commands.forceRelease(name, token);
  }

  inspect(name: LockName): Promise<LockState | null> {
    return inspectLock(this.commands.run, name);
  }

  list(prefix: string): AsyncIterable<LockState> {
    return listLocks(this.commands.run, this.driver, prefix);
  }

  nodes(): readonly BackendNode[] {
    const { driver } = this;
    const { address = "redis" } = driver;
    return [{ name: address, command: (words) => this.inTime(driver.command(words)) }];
  }
}

/** Who holds a key and who waits for it; null when nobody does. */
async function inspectLock(run: RunOnce, name: LockName): Promise<LockState | null> {
  const args = [String(HOLDERS_SHOWN), String(WAITERS_SHOWN)];
  const [kind, permits, holding, waiting, told, ...rest] = await run(
    name.key,
    inspectScript,
    lockKeys(name),
    args,
  );
  const holders = rest.splice(0, 2 * readNumber(told));
  const waiters = rest.flatMap((member, index) =>
    index % 2 === 0 ? [readWaiterState(member, rest[index + 1])] : [],
  );
  const mode = readKind(kind) ?? waiters[0]?.mode;
  if (mode === undefined) return null;
  return {
    key: name.key,
    mode,
    permits: permits === "-" ? undefined : readNumber(permits),
    holders: holders
      .flatMap((value, index) => (index % 2 === 0 ? [readHolderState(value, holders[index + 1])] : []))
      .sort((a, b) => Number(a.since) - Number(b.since)),
    holding: readNumber(holding),
    waiters,
    waiting: readNumber(waiting),
  };
}

/** The keys of a prefix that are held, by SCAN: one may be told twice while the set changes. */
async function* listLocks(run: RunOnce, driver: RedisDriver, prefix: string): AsyncIterable<LockState> {
  for (const node of (await driver.masters?.()) ?? [driver]) {
    for await (const redisKey of scan(run, node, scanPattern(driver.keyPrefix, prefix))) {
      const key = keyOf(driver.keyPrefix, prefix, redisKey);
      const state = key === null ? null : await inspectLock(run, { prefix, key });
      if (state !== null) yield state;
    }
  }
}

async function* scan(run: RunOnce, on: ScriptRunner, pattern: string): AsyncIterable<string> {
  let cursor = "0";
  do {
    const [next = "0", ...found] = await run(undefined, scanScript, [], [cursor, pattern, SCAN_COUNT], on);
    cursor = next;
    yield* found;
  } while (cursor !== "0");
}
