import { DemoError, parseOptions, readPort, readWhole } from "@lock/demo-kit";

export interface Options {
  readonly lock: boolean;
  readonly turns: number;
  readonly sessions: number;
  readonly serve: boolean;
  /** 0 for any that is free. */
  readonly port: number;
  readonly minutes: number;
  readonly help: boolean;
}

export const HELP = `Three agent processes share conversations. 200 messages come within a second. An
agent loads the conversation, streams an answer, and saves both; it sums up long
conversations. One agent is paused in the middle of an answer, for longer than a
lease lasts. The store shows whether a turn is missing, torn, or was answered
without what was said before.

  pnpm demo agent-memory [options]

  --no-lock     take turns without the lock, and see what is lost
  --turns N     how many turns, 10 to 1000 (default 200)
  --sessions N  how many conversations, 1 to 50 (default 10)
  --serve       take turns until Ctrl-C, and serve a page that shows them
  --port N      serve at this port (default: a free port)
  --minutes N   how long it is served at most, 1 to 60 (default 10)
  --help        show this

It starts a Redis of its own. To use yours, set REDIS_URL, or any of
REDIS_HOST, REDIS_PORT and REDIS_PASSWORD.

Exit code: with the lock, 0 if the store has every turn once and in order and
refused the late answer, and 1 if not. With --no-lock, 0 also when turns are
lost.`;

/** @throws DemoError */
export function readOptions(argv: readonly string[]): Options {
  const values = parseOptions("agent-memory", argv, {
    "no-lock": { type: "boolean" },
    turns: { type: "string" },
    sessions: { type: "string" },
    serve: { type: "boolean" },
    port: { type: "string" },
    minutes: { type: "string" },
    help: { type: "boolean", short: "h" },
  });
  const serve = values.serve === true;
  if (!serve && values.port !== undefined) throw new DemoError("--port is for --serve only");
  if (!serve && values.minutes !== undefined) throw new DemoError("--minutes is for --serve only");
  if (serve && values.turns !== undefined) throw new DemoError("--turns is not for --serve");
  return {
    lock: values["no-lock"] !== true,
    turns: readWhole("--turns", values.turns, { byDefault: 200, least: 10, most: 1_000 }),
    sessions: readWhole("--sessions", values.sessions, { byDefault: 10, least: 1, most: 50 }),
    serve,
    port: readPort(values.port),
    minutes: readWhole("--minutes", values.minutes, { byDefault: 10, least: 1, most: 60 }),
    help: values.help === true,
  };
}
