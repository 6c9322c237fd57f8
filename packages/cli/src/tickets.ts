import { randomBytes } from "node:crypto";
import { type FileHandle, open, readFile, rename, rm } from "node:fs/promises";
import { text } from "node:stream/consumers";
import type { LeaseTicket } from "@lock/core";
import { usage } from "./failure.ts";
import { quoted } from "./output/printable.ts";

const OWNER_ONLY = 0o600;
const STANDARD = "-";

/** Whether a ticket was given: never as an argument, which everybody can see, since it is worth the lease. */
export function hasTicket(source: string | undefined): boolean {
  return source !== undefined || Boolean(process.env.LOCK_TICKET);
}

/**
 * The ticket of a file, of stdin (-), or, where neither is named, of LOCK_TICKET.
 * @throws Failure
 */
export async function readTicketFrom(source: string | undefined): Promise<LeaseTicket> {
  const [where, content] = await contentOf(source);
  try {
    return JSON.parse(content);
  } catch {
    throw usage(`${where} has no ticket: it must be exactly what lock acquire --out wrote`);
  }
}

async function contentOf(source: string | undefined): Promise<readonly [string, string]> {
  if (source === undefined) {
    const { LOCK_TICKET } = process.env;
    if (!LOCK_TICKET)
      throw usage("give the ticket by --ticket FILE, by --ticket - on stdin, or in LOCK_TICKET");
    return ["LOCK_TICKET", LOCK_TICKET];
  }
  if (source === STANDARD) return ["stdin", await text(process.stdin)];
  if (source.trimStart().startsWith("{")) {
    throw usage("--ticket takes a file or -, not the ticket itself: everybody can see arguments");
  }
  try {
    return [quoted(source), await readFile(source, "utf8")];
  } catch (error) {
    throw usage(`--ticket must be a file that can be read, or -, got ${quoted(source)}: ${codeOf(error)}`);
  }
}

/** Where a ticket goes: what was there before is replaced in one step. */
export class TicketSink implements AsyncDisposable {
  private constructor(
    readonly target: string,
    private readonly temporary: string,
    private readonly file: FileHandle | undefined,
  ) {}

  /**
   * Before anything is acquired, so that a ticket always has a place.
   * @throws Failure
   */
  static async open(target: string): Promise<TicketSink> {
    if (target === STANDARD) return new TicketSink(target, "", undefined);
    const temporary = `${target}.${randomBytes(6).toString("hex")}`;
    try {
      return new TicketSink(target, temporary, await open(temporary, "wx", OWNER_ONLY));
    } catch (error) {
      throw usage(
        `the ticket must go to a file that can be written, got ${quoted(target)}: ${codeOf(error)}`,
      );
    }
  }

  get isStandard(): boolean {
    return this.file === undefined;
  }

  async write(ticket: LeaseTicket): Promise<void> {
    const line = `${JSON.stringify(ticket)}\n`;
    if (this.file === undefined) {
      process.stdout.write(line);
      return;
    }
    await this.file.writeFile(line);
    await this.file.sync();
    await rename(this.temporary, this.target);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.file?.close();
    if (this.file !== undefined) await rm(this.temporary, { force: true });
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "it failed";
}
