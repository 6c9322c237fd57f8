import type { Redis } from "ioredis";
import { type Run, STEPS, type Step, type Write } from "./messages.ts";

const ALL_STEPS: readonly unknown[] = ["begin", ...STEPS, "finished"] satisfies Step[];

/** The store has heard of a run with a larger fencing token. */
export class OvertakenError extends Error {
  override readonly name = "OvertakenError";
}

/**
 * Looks at the token and writes in one command, so that nothing comes in between. Without a token it refuses nothing.
 * KEYS: the report, the log. ARGV: the fencing token or "", the step, the job, the entry for the log.
 */
const WRITE = `
local fence, step, job, entry = unpack(ARGV)
if fence ~= "" then
  local highest = redis.call("HGET", KEYS[1], "fence")
  if highest and tonumber(fence) < tonumber(highest) then
    redis.call("RPUSH", KEYS[2], "refused " .. entry)
    return "refused"
  end
  redis.call("HSET", KEYS[1], "fence", fence)
end
redis.call("RPUSH", KEYS[2], "accepted " .. entry)
if step == "begin" and redis.call("HGET", KEYS[1], "finishedBy") == job then return "finished" end
redis.call("HSET", KEYS[1], "step", step)
if step == "finished" then redis.call("HSET", KEYS[1], "finishedBy", job) end
return "accepted"`;

/** Where reports are written: a hash for each, and a log of every write that was tried. */
export class Store {
  constructor(
    private readonly client: Redis,
    private readonly prefix: string,
  ) {}

  /**
   * "finished": the report is there already, by an earlier run of the same job that died before BullMQ heard of it.
   * @throws OvertakenError when the write is refused
   */
  async write(run: Run, step: Step): Promise<"accepted" | "finished"> {
    const { report, job, fence } = run;
    const keys = [`${this.#base}report:${report}`, this.#log];
    const entry = JSON.stringify({ ...run, step });
    const said = await this.client.eval(WRITE, keys.length, ...keys, fence ?? "", step, job, entry);
    if (said === "refused")
      throw new OvertakenError(`step ${step} of ${report}: somebody else builds it now`);
    return said === "finished" ? said : "accepted";
  }

  /** Every write that was tried, as it was logged, in the order in which they came. */
  readLog(): Promise<string[]> {
    return this.client.lrange(this.#log, 0, -1);
  }

  get #base(): string {
    return storePrefix(this.prefix);
  }

  get #log(): string {
    return `${this.#base}log`;
  }
}

/** What all keys of the store begin with. */
export function storePrefix(prefix: string): string {
  return `${prefix}:store:`;
}

/** Undefined for what is no line of the log. */
export function lineToWrite(line: string): Write | undefined {
  const [, outcome, json = ""] = /^(accepted|refused) (\{.*\})$/.exec(line) ?? [];
  if (outcome !== "accepted" && outcome !== "refused") return undefined;
  try {
    const tried: unknown = JSON.parse(json);
    return isTried(tried) ? { ...tried, outcome } : undefined;
  } catch {
    return undefined;
  }
}

function isTried(value: unknown): value is Omit<Write, "outcome"> {
  if (typeof value !== "object" || value === null) return false;
  const { report, queue, job, worker, run, fence, step } = value as Partial<Record<string, unknown>>;
  return (
    [report, queue, job, worker, run].every((text) => typeof text === "string") &&
    ALL_STEPS.includes(step) &&
    (fence === undefined || Number.isSafeInteger(fence))
  );
}
