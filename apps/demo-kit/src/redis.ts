import { DemoError } from "./errors.ts";
import { type GivenRedis, givenRedis } from "./redis-environment.ts";
import { printable } from "./terminal.ts";

/** The Redis that a demo runs on. */
export interface DemoRedis extends AsyncDisposable {
  /** With the password, if there is one: never print it. */
  readonly url: string;
  /** Where it is and whose, for people. */
  readonly description: string;
  readonly startedHere: boolean;
  /** What a child process needs to find it. By environment and never as arguments, which everybody can see. */
  readonly env: Readonly<Record<"REDIS_URL", string>>;
  /** Ends it, if it was started here. */
  stop(): Promise<void>;
}

const ANSWER_TIMEOUT_MS = 3_000;

/**
 * The Redis that the environment names, once it has answered; else one that is started for this demo.
 * @throws DemoError that names the variables when that Redis cannot be used
 */
export async function demoRedis(): Promise<DemoRedis> {
  const given = givenRedis(process.env);
  if (given === undefined) {
    // Loaded here: the processes that a demo starts have this package too, and would be slow to start.
    const { startRedis } = await import("@lock/redis-harness");
    const server = await startRedis();
    return describe(server.url, `${server.host}:${server.port}`, true, () => server.stop());
  }
  await checkAnswers(given);
  return describe(given.url, given.place, false, async () => undefined);
}

function describe(url: string, place: string, startedHere: boolean, stop: () => Promise<void>): DemoRedis {
  const description = `${place}, ${startedHere ? "started for this demo" : "as the environment says"}`;
  return { url, description, startedHere, env: { REDIS_URL: url }, stop, [Symbol.asyncDispose]: stop };
}

async function checkAnswers({ url, place, variables }: GivenRedis): Promise<void> {
  const { createClient } = await import("redis");
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
