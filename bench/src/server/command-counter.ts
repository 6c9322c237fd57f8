// How commands are counted. `INFO commandstats` costs the server nothing, but does not say whether a command came
// from a client or from inside a script. MONITOR does (the source of the latter is "lua"), but slows the server.
// So MONITOR watches the warm-up and tells which commands each side uses; commandstats counts the measured run.
import type { Redis } from "ioredis5";

/** Calls by command name, in lower case and without subcommand. */
export type Calls = ReadonlyMap<string, number>;

export interface Seen {
  readonly byClients: Calls;
  readonly byScripts: Calls;
}

export interface Counted {
  readonly byClients: number;
  readonly byScripts: number;
  /** Commands that both sides use: all their calls are counted as the clients'. */
  readonly ambiguous: readonly string[];
}

/** Runs the work under MONITOR: exact, but slower for everybody. */
export async function monitored(control: Redis, work: () => Promise<unknown>): Promise<Seen> {
  const byClients = new Map<string, number>();
  const byScripts = new Map<string, number>();
  const end = `end of monitoring ${Math.random()}`;
  const monitor = await control.monitor();
  try {
    const ended = new Promise<void>((resolve) => {
      monitor.on("monitor", (_time: string, [command = "", argument]: string[], source: string) => {
        if (argument === end) resolve();
        else add(source === "lua" ? byScripts : byClients, command, 1);
      });
    });
    await work();
    // Lines come in the order of execution: after this one nothing of the work is outstanding.
    await control.echo(end);
    await ended;
  } finally {
    monitor.disconnect();
  }
  return { byClients, byScripts };
}

/** Runs the work and counts its commands, given who uses which of them. */
export async function counted(control: Redis, roles: Seen, work: () => Promise<unknown>): Promise<Counted> {
  await control.config("RESETSTAT");
  await work();
  const calls = parseCommandStats(await control.info("commandstats"));
  let byClients = 0;
  let byScripts = 0;
  for (const [name, times] of calls) {
    if (name === "config") continue;
    if (roles.byScripts.has(name) && !roles.byClients.has(name)) byScripts += times;
    else byClients += times;
  }
  const ambiguous = [...roles.byScripts.keys()].filter((name) => roles.byClients.has(name));
  return { byClients, byScripts, ambiguous };
}

/** Microseconds that the server spent on the commands of clients, those in scripts included. */
export async function timedOnServer<T>(
  control: Redis,
  roles: Seen,
  work: () => Promise<T>,
): Promise<{ readonly outcome: T; readonly micros: number }> {
  await control.config("RESETSTAT");
  const outcome = await work();
  const text = await control.info("commandstats");
  let micros = 0;
  for (const [, name = "", usec] of text.matchAll(/^cmdstat_([^|:]+)(?:\|[^:]*)?:calls=\d+,usec=(\d+)/gm)) {
    if (roles.byClients.has(name)) micros += Number(usec);
  }
  return { outcome, micros };
}

export function totalOf(calls: Calls): number {
  return [...calls.values()].reduce((total, times) => total + times, 0);
}

function parseCommandStats(text: string): Calls {
  const calls = new Map<string, number>();
  for (const [, name = "", times] of text.matchAll(/^cmdstat_([^|:]+)(?:\|[^:]*)?:calls=(\d+)/gm)) {
    add(calls, name, Number(times));
  }
  return calls;
}

function add(calls: Map<string, number>, command: string, times: number): void {
  const name = command.toLowerCase();
  calls.set(name, (calls.get(name) ?? 0) + times);
}
