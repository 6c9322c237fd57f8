import type { Vm } from "../lua/vm.ts";
import { COMMANDS } from "./commands/index.ts";
import type { Command, Scope } from "./commands/types.ts";
import { Keyspace } from "./keyspace.ts";
import { integer } from "./numbers.ts";
import { CommandError, type Reply } from "./reply.ts";
import { sha1 } from "./sha1.ts";

/** What a server refuses for now. */
export type Trouble = "oom" | "readonly" | "loading";

/** Who hears what is published. */
export type Audience = (channel: string, message: string) => number;

export interface ServerOptions {
  readonly vm: Vm;
  /** Its clock: microseconds since the Unix epoch. */
  now(): number;
  publish: Audience;
  /** Another one after each restart. */
  runId(): string;
}

const REFUSALS = {
  oom: "OOM command not allowed when used memory > 'maxmemory'.",
  readonly: "READONLY You can't write against a read only replica.",
  loading: "LOADING Redis is loading the dataset in memory",
} as const;

/** One Redis server, as far as the scripts of the core can tell. Strings are bytes. */
export class Server {
  keys = new Keyspace();
  trouble: Trouble | undefined;
  /** Commands that the ACL of the user forbids. */
  readonly forbidden = new Set<string>();
  readonly #scripts = new Map<string, string>();
  #startedAt: number;
  #runId: string;

  constructor(private readonly options: ServerOptions) {
    this.#startedAt = options.now();
    this.#runId = options.runId();
  }

  /** Starts again: with these keys, and no script. */
  restart(keys: Keyspace): void {
    this.keys = keys;
    this.#scripts.clear();
    this.#startedAt = this.options.now();
    this.#runId = this.options.runId();
  }

  /** Whether a text stands in any value. */
  knows(text: string): boolean {
    return this.keys.contains(text);
  }

  /** Whether a lease of this owner token stands on a key; the tokens of a quorum begin with that of the lease. */
  holds(key: string, token: string): boolean {
    const now = this.options.now();
    this.keys.now = now / 1_000;
    return this.keys.begins(`lock:{${key}}`, token, now);
  }

  /** The owner tokens in its queues. */
  waiting(): string[] {
    const queues = this.keys.keys().filter((key) => key.endsWith(":queue"));
    return queues.flatMap((key) => this.keys.members(key).map((member) => member.split(" ", 1)[0] ?? ""));
  }

  /** SCRIPT FLUSH. */
  forgetScripts(): void {
    this.#scripts.clear();
  }

  /** @throws CommandError */
  execute(words: readonly string[]): Reply {
    const [name = "", ...args] = words;
    const now = this.options.now();
    this.keys.now = Math.floor(now / 1_000);
    if (this.trouble === "loading") throw new CommandError(REFUSALS.loading);
    switch (name.toUpperCase()) {
      case "EVAL":
        return this.#eval(args, now);
      case "EVALSHA":
        return this.#evalsha(args, now);
      default:
        return this.#run(words, this.#scope(now), { isFirstWrite: true });
    }
  }

  #eval([source = "", count = "", ...rest]: readonly string[], now: number): Reply {
    this.#scripts.set(sha1(source), source);
    const keys = integer(count);
    if (keys > rest.length) throw new CommandError("ERR Number of keys can't be greater than number of args");
    return this.#runScript(source, rest.slice(0, keys), rest.slice(keys), now);
  }

  #evalsha([sha = "", count = "", ...rest]: readonly string[], now: number): Reply {
    const source = this.#scripts.get(sha.toLowerCase());
    if (source === undefined) throw new CommandError("NOSCRIPT No matching script. Please use EVAL.");
    return this.#runScript(source, rest.slice(0, integer(count)), rest.slice(integer(count)), now);
  }

  #runScript(source: string, keys: readonly string[], args: readonly string[], now: number): Reply {
    const scope = this.#scope(now);
    // After one write was made, the others of a script are no longer refused for want of memory.
    const written = { isFirstWrite: true };
    const reply = this.options.vm.run(source, keys, args, {
      call: (words) => this.#run(words, scope, written),
    });
    return reply;
  }

  #scope(now: number): Scope {
    return {
      keys: this.keys,
      now,
      publish: this.options.publish,
      info: () => this.#info(now),
    };
  }

  #run(words: readonly string[], scope: Scope, written: { isFirstWrite: boolean }): Reply {
    const [word = ""] = words;
    const args = words.slice(1);
    const name = word.toUpperCase();
    const command = COMMANDS[name];
    if (command === undefined) throw new CommandError(`ERR unknown command '${word}'`);
    checkArity(name, command, args.length + 1);
    if (this.forbidden.has(name)) {
      throw new CommandError(
        `NOPERM this user has no permissions to run the '${name.toLowerCase()}' command`,
      );
    }
    const { writes = "never" } = command;
    if (writes !== "never" && this.trouble === "readonly") throw new CommandError(REFUSALS.readonly);
    const isRefused = writes === "may grow" && this.trouble === "oom" && written.isFirstWrite;
    if (isRefused) throw new CommandError(REFUSALS.oom);
    const reply = command.run(scope, args);
    if (writes !== "never") written.isFirstWrite = false;
    return reply;
  }

  #info(now: number): string {
    const uptime = Math.max(0, Math.floor((now - this.#startedAt) / 1e6));
    return `# Server\r\nrun_id:${this.#runId}\r\nuptime_in_seconds:${uptime}\r\n`;
  }
}

function checkArity(name: string, { arity }: Command, words: number): void {
  const isRight = arity < 0 ? words >= -arity : words === arity;
  if (!isRight) throw new CommandError(`ERR wrong number of arguments for '${name.toLowerCase()}' command`);
}
