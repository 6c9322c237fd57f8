import type { Clock } from "../../contract/clock.ts";
import { withoutSecrets } from "../../contract/redaction.ts";
import type { ScriptRunner } from "./driver.ts";
import { noAnswer, unreadable } from "./faults.ts";
import { type Script, withCommands } from "./script.ts";

/** Runs a script once. Its answer as texts. */
export async function runScript(...run: Parameters<typeof evalScript>): Promise<readonly string[]> {
  return (await evalScript(...run)).map(String);
}

/**
 * Runs a script once: by its hash, or, where this node does not know it yet, by its source. Errors of the client come
 * without what was sent: servers and proxies repeat it.
 */
export async function evalScript(
  driver: ScriptRunner,
  script: Script,
  keys: readonly string[],
  args: readonly string[],
): Promise<readonly unknown[]> {
  let reply: unknown;
  try {
    reply = await driver.evalsha(script.sha, keys, args);
  } catch (error) {
    const isUnknown = error instanceof Error && error.message.startsWith("NOSCRIPT");
    if (!isUnknown) throw named(error, script, [...keys, ...args]);
    reply = await runSource(driver, script, keys, args);
  }
  if (!Array.isArray(reply)) throw unreadable(reply);
  return reply;
}

async function runSource(
  driver: ScriptRunner,
  script: Script,
  keys: readonly string[],
  args: readonly string[],
): Promise<unknown> {
  if (script.guard !== undefined) await runScript(driver, script.guard, keys, []);
  try {
    return await driver.eval(script.source, keys, script.guard ? [...args, "guarded"] : args);
  } catch (error) {
    throw named(error, script, [...keys, ...args]);
  }
}

function named(error: unknown, script: Script, sent: readonly string[]): Error {
  const told = withoutSecrets(error, sent);
  told.message = withCommands(told.message, script);
  return told;
}

/** Settles as `work` does, or rejects when `ms` have passed: no client's own timeout can be relied on. */
export function withDeadline<T>(
  clock: Clock,
  ms: number,
  key: string | undefined,
  work: Promise<T>,
  keepAlive = true,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(() => reject(noAnswer(ms, key)), ms, keepAlive);
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}
