import { givenRedis } from "./redis-environment.ts";

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
  const { checkAnswers } = await import("./check-redis.ts");
  await checkAnswers(given);
  return describe(given.url, given.place, false, async () => undefined);
}

function describe(url: string, place: string, startedHere: boolean, stop: () => Promise<void>): DemoRedis {
  const description = `${place}, ${startedHere ? "started for this demo" : "as the environment says"}`;
  return { url, description, startedHere, env: { REDIS_URL: url }, stop, [Symbol.asyncDispose]: stop };
}
