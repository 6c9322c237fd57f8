import { createClient } from "redis";
import { DemoError } from "./errors.ts";
import type { GivenRedis } from "./redis-environment.ts";
import { printable } from "./terminal.ts";

const ANSWER_TIMEOUT_MS = 3_000;

/** @throws DemoError when that Redis does not answer */
export async function checkAnswers({ url, place, variables }: GivenRedis): Promise<void> {
  const socket = { connectTimeout: ANSWER_TIMEOUT_MS, reconnectStrategy: false } as const;
  const client = createClient({ url, socket });
  // The same error rejects connect(); without a listener it would also end the process.
  client.on("error", () => undefined);
  try {
    // What accepts the connection and then says nothing is no Redis; connectTimeout does not notice that.
    await within(
      ANSWER_TIMEOUT_MS,
      client.connect().then(() => client.ping()),
    );
  } catch (error) {
    throw new DemoError(`no use of the Redis at ${place} (from ${variables.join(", ")}): ${explain(error)}`);
  } finally {
    if (client.isOpen) client.destroy();
  }
}

async function within(limit: number, work: Promise<unknown>): Promise<void> {
  const noAnswer = new Promise<never>((_, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${limit} ms`)), limit);
    work.finally(() => clearTimeout(timer)).catch(() => undefined);
  });
  await Promise.race([work, noAnswer]);
}

function explain(error: unknown): string {
  const said = printable(error instanceof Error ? error.message || error.name : String(error));
  if (/NOAUTH/.test(said)) return "it asks for a password; set REDIS_PASSWORD, or write it into REDIS_URL";
  if (/WRONGPASS|invalid password/i.test(said)) return "it does not accept the password";
  return said;
}
