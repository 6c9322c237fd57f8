import { createInterface } from "node:readline/promises";
import type { HolderState, Locks } from "@lock/core";
import type { Command } from "commander";
import { connect } from "../connection.ts";
import { EXIT } from "../exit-codes.ts";
import { Failure, usage } from "../failure.ts";
import { describeHolder } from "../output/describe.ts";
import { jsonLine } from "../output/json.ts";
import { quoted } from "../output/printable.ts";
import { print, wrapped } from "../output/screen.ts";
import type { GlobalFlags } from "../target.ts";
import { hasTicket, readTicketFrom } from "../tickets.ts";
import { define } from "./define.ts";

interface ReleaseFlags extends GlobalFlags {
  readonly token?: string;
  readonly force?: boolean;
  readonly yes?: boolean;
  readonly ticket?: string;
}

/** What `inspect` shows of a token; fewer characters could name two. */
const SHORTEST_TOKEN = 8;

export function defineRelease(program: Command): void {
  define<ReleaseFlags, [string | undefined]>(program, {
    name: "release [key]",
    summary: "free a key: with a ticket, or by taking it from its holder",
    about: `With --ticket, or with the ticket in LOCK_TICKET, gives back what lock acquire took.

With --token or --force, takes a key from its holder, who learns of it by its next extend and
may work until then: first see that it has stopped. Shows the holder, and asks; --yes does not.`,
    examples: [
      ["lock release --ticket /run/report.ticket", "gives back what lock acquire took"],
      ["lock release order:42 --token q3hB9x_T", "takes it from that holder, and from no other"],
      ["lock release order:42 --force --yes", "takes it from all that hold it now"],
    ],
    act: release,
  })
    .option(
      "--token <prefix>",
      "the first characters of the holder's token, 8 or more, as lock inspect shows it",
    )
    .option("--force", "whoever holds it now")
    .option("--yes", "do not ask")
    .option("--ticket <file>", "the ticket: a file, or - for stdin");
}

async function release(flags: ReleaseFlags, key?: string): Promise<number> {
  const { token, force = false, ticket } = flags;
  const takes = token !== undefined || force;
  if (!takes && hasTicket(ticket)) {
    if (key !== undefined) throw usage("a ticket names its key: leave the key out");
    return giveBack(flags);
  }
  if (key === undefined) throw usage("name a key with --token or --force, or give --ticket or LOCK_TICKET");
  if (token !== undefined && force) throw usage("--token and --force exclude each other: give one");
  if (!takes || ticket !== undefined) {
    throw usage("release of a key needs --token or --force (lock inspect shows the token), and no --ticket");
  }
  if (token !== undefined && token.length < SHORTEST_TOKEN) {
    throw usage(`--token must have at least ${SHORTEST_TOKEN} characters, got ${token.length}`);
  }
  if (!flags.yes && process.stdin.isTTY !== true) {
    throw usage("there is no terminal to ask at: give --yes to release without a question");
  }
  return take(flags, key);
}

async function take(flags: ReleaseFlags, key: string): Promise<number> {
  const { token, yes = false, json = false } = flags;
  await using connection = await connect(flags);
  const state = await connection.locks.inspect(key);
  const isMeant = (holder: HolderState) => token === undefined || token.startsWith(holder.token);
  const meant = state?.holders.filter(isMeant) ?? [];
  if (meant.length === 0) {
    throw new Failure(
      `nobody ${token ? "with that token " : ""}holds ${quoted(key)}`,
      EXIT.nothing,
      "LOCK_NOT_HELD",
    );
  }
  if (!json) {
    const lines = [`${quoted(key)} is held by`, ...meant.flatMap(describeHolder)];
    process.stderr.write(`${lines.map(wrapped).join("\n")}\n`);
  }
  if (!yes && !(await isSure())) {
    throw new Failure("nothing was released", EXIT.nothing, "LOCK_INTERRUPTED");
  }
  const released = await takeFrom(connection.locks, key, token === undefined ? meant : [{ token }]);
  if (released === 0)
    throw new Failure(`${quoted(key)} is held by others by now`, EXIT.nothing, "LOCK_NOT_HELD");
  await print(json ? jsonLine({ key, released }) : `released ${quoted(key)}`);
  return EXIT.ok;
}

/** From those who were shown, and not from those who came since. */
async function takeFrom(
  locks: Locks,
  key: string,
  from: readonly { readonly token: string }[],
): Promise<number> {
  let taken = 0;
  for (const { token } of from) {
    // Another program's value may be shorter than a token.
    const options = token.length < SHORTEST_TOKEN ? {} : { token };
    if (await locks.forceRelease(key, options)) taken += 1;
  }
  return taken;
}

async function isSure(): Promise<boolean> {
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await asking.question("Take it from them? [y/N] ")).trim());
  } catch {
    // Ctrl-D or Ctrl-C.
    process.stderr.write("\n");
    return false;
  } finally {
    asking.close();
  }
}

async function giveBack(flags: ReleaseFlags): Promise<number> {
  await using connection = await connect(flags, { notOnQuorum: "release by a ticket" });
  const lease = await connection.locks.adopt(await readTicketFrom(flags.ticket));
  const outcome = await lease.release();
  const [key = ""] = lease.keys;
  if (outcome !== "released")
    throw new Failure(`the lease of ${quoted(key)} was over`, EXIT.lost, "LOCK_LOST");
  await print(flags.json ? jsonLine({ key, released: 1 }) : `released ${quoted(key)}`);
  return EXIT.ok;
}
