import type { Lease, Locks } from "@lock/core";
import type { Command } from "commander";
import { connect } from "../connection.ts";
import { readDuration, showDuration } from "../durations.ts";
import { EXIT } from "../exit-codes.ts";
import { usage } from "../failure.ts";
import { jsonLine } from "../output/json.ts";
import { quoted } from "../output/printable.ts";
import { Signals } from "../run/signals.ts";
import type { GlobalFlags } from "../target.ts";
import { hasTicket, readTicketFrom, TicketSink } from "../tickets.ts";
import {
  type AcquireFlags,
  acquireBy,
  acquireOptions,
  checkMode,
  orInterrupted,
  ttlOf,
} from "./acquiring.ts";
import { define } from "./define.ts";

interface TicketFlags extends GlobalFlags, AcquireFlags {
  readonly out?: string;
  readonly ticket?: string;
}

export function defineTickets(program: Command): void {
  const acquire = define<TicketFlags, [string]>(program, {
    name: "acquire <key>",
    summary: "take a key for a script, as a ticket",
    about: `Takes a key, and writes a ticket to a file that only you can read. The key stays locked for the
ttl: extend it in time, since nothing renews it. Whoever has the ticket has the lease. Where one
command does the work, lock run is better: it renews, and frees the key in any case.`,
    examples: [
      [
        "lock acquire backup --ttl 10m --out backup.ticket",
        "then: lock extend, lock release --ticket backup.ticket",
      ],
    ],
    act: take,
  });
  acquireOptions(acquire, "forever").requiredOption("--out <file>", "where the ticket goes; - for stdout");
  define<TicketFlags, []>(program, {
    name: "extend",
    summary: "prolong what a ticket holds",
    about: `Prolongs a lease to its ttl from now. The ticket changes with it: the file is replaced in one step.`,
    examples: [
      ["lock extend --ticket backup.ticket", "to the ttl that it was acquired with"],
      ["LOCK_TICKET=$(lock extend --out -)", "a ticket in a variable"],
    ],
    act: extend,
  })
    .option("--ticket <file>", "the ticket: a file, or - for stdin (default: LOCK_TICKET)")
    .option("--ttl <duration>", "how long from now (default: as it was acquired)", readDuration)
    .option("--out <file>", "where the new ticket goes; - for stdout (default: the file of --ticket)");
}

async function take(flags: TicketFlags & { readonly out: string }, key: string): Promise<number> {
  checkMode(flags);
  const signals = new Signals();
  try {
    await using connection = await connect(flags, { holder: flags.holder, notOnQuorum: "lock acquire" });
    await using sink = await TicketSink.open(flags.out);
    const ttl = ttlOf(flags, connection.target);
    const lease = await acquireBy(
      connection.locks,
      key,
      { ...flags, ttl, wait: flags.wait ?? "forever" },
      signals.stop,
    );
    await hand(connection.locks, lease, sink, flags, "acquired");
    return EXIT.ok;
  } catch (error) {
    throw orInterrupted(error, key, signals);
  } finally {
    signals.close();
  }
}

async function extend(flags: TicketFlags): Promise<number> {
  const { ticket: source, out = source, ttl } = flags;
  if (!hasTicket(source))
    throw usage("give the ticket by --ticket FILE, by --ticket - on stdin, or in LOCK_TICKET");
  if (out === undefined) throw usage("the new ticket needs a place: give --out FILE, or --out - for stdout");
  await using connection = await connect(flags, { notOnQuorum: "lock extend" });
  const ticket = await readTicketFrom(source);
  await using sink = await TicketSink.open(out);
  const lease = await connection.locks.adopt(ticket);
  try {
    await lease.extend(ttl);
  } catch (error) {
    // The ticket that was given is used up, and the work under its lease goes on: it gets another one.
    if (lease.validFor > 0) await sink.write(lease.toTicket());
    throw error;
  }
  await hand(connection.locks, lease, sink, flags, "extended");
  return EXIT.ok;
}

/** Writes the lease's ticket; a lease whose ticket cannot be written is given back. */
async function hand(
  locks: Locks,
  lease: Lease,
  sink: TicketSink,
  { json = false }: TicketFlags,
  event: "acquired" | "extended",
): Promise<void> {
  const { fencingToken, validFor } = lease;
  const [key = ""] = lease.keys;
  const ticket = lease.toTicket();
  try {
    await sink.write(ticket);
  } catch (error) {
    await (await locks.adopt(ticket)).release();
    throw error;
  }
  const said = json
    ? jsonLine({ event, key, fencingToken, validFor: Math.floor(validFor) })
    : `${event} ${quoted(key)} for ${showDuration(validFor)}, fencing token ${fencingToken}`;
  // Stdout is the ticket's where it goes there.
  (sink.isStandard ? process.stderr : process.stdout).write(`${said}\n`);
}
