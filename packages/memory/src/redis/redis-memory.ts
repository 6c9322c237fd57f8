import { randomBytes } from "node:crypto";
import { LockUsageError } from "@lock/core";
import { checkOptions, type RedisClient, type RunRedisScript, redisScripts, show } from "@lock/core/adapter";
import { currentTurn } from "../current-turn.ts";
import { sessionKey } from "../session-key.ts";
import { type ChatMessage, JSON_CODEC, type MessageCodec, onlyText } from "./messages.ts";
import { APPEND, CLEAR, POP, READ, REPLACE } from "./scripts.ts";
import { StaleWriteError } from "./stale-write-error.ts";

/** Options of `redisMemory`. Durations are milliseconds. */
export interface RedisMemoryOptions<Message = ChatMessage> {
  readonly sessionId: string;
  /** What the keys begin with. Default "memory". */
  readonly prefix?: string;
  /** How messages are written. Default: JSON. */
  readonly codec?: MessageCodec<Message>;
  /** The session is forgotten when nothing was written to it for so long, or never ("forever"). Default "forever". */
  readonly expireAfter?: number | "forever";
  /**
   * What becomes of a write that carries no fencing token, since it is made outside of all turns: "refuse" (default,
   * LockUsageError) or "allow".
   */
  readonly unfenced?: "refuse" | "allow";
  /** The name under which `loadMemoryVariables` gives the messages. Default "history". */
  readonly memoryKey?: string;
}

/** Options of one write. */
export interface WriteOptions {
  /** Default: the one of the turn of this session in which it is called. */
  readonly fencingToken?: number;
}

const DAY = 86_400_000;
const ALLOWED = {
  sessionId: ["a string"],
  prefix: ["a string"],
  codec: ["an object"],
  expireAfter: ["a whole number from 1", "forever"],
  unfenced: ["refuse", "allow"],
  memoryKey: ["a string"],
};

/**
 * The conversation of one session in Redis. Each write is one step, carries the fencing token of its turn, and is refused
 * in that step (StaleWriteError) when a newer turn has written. The client (ioredis or node-redis) stays the user's.
 * @throws LockUsageError
 */
export function redisMemory<Message = ChatMessage>(
  client: RedisClient,
  options: RedisMemoryOptions<Message>,
): RedisMemory<Message> {
  checkOptions("redisMemory", options, ALLOWED, ["sessionId"]);
  sessionKey(options.sessionId);
  const { prefix = "memory" } = options;
  if (!PREFIX.test(prefix)) {
    throw new LockUsageError(
      `prefix must be 1 to 64 characters of A-Z a-z 0-9 _ : . -, got ${JSON.stringify(prefix)}`,
    );
  }
  return new RedisMemory(client, options);
}

/** Braces would decide about the hash slot. */
const PREFIX = /^[\w:.-]{1,64}$/;

type Runs = Readonly<Record<"append" | "replace" | "pop" | "clear" | "read", RunRedisScript>>;

/** Prepared once: a memory is made for each session, often for each request. */
const runsByClient = new WeakMap<RedisClient, Runs>();

function runsOn(client: RedisClient): Runs {
  const known = runsByClient.get(client);
  if (known !== undefined) return known;
  const script = redisScripts(client);
  const runs = {
    append: script("append", APPEND),
    replace: script("replace", REPLACE),
    pop: script("pop", POP),
    clear: script("clear", CLEAR),
    read: script("read", READ),
  };
  runsByClient.set(client, runs);
  return runs;
}

/** What `redisMemory` makes: a memory of LangChain's and Beluga's shape, and of a chat message history's. */
export class RedisMemory<Message = ChatMessage> {
  readonly sessionId: string;
  readonly #keys: readonly [messages: string, guard: string];
  readonly #codec: MessageCodec<Message>;
  readonly #run: Runs;
  readonly #options: RedisMemoryOptions<Message>;

  constructor(client: RedisClient, options: RedisMemoryOptions<Message>) {
    this.#options = options;
    const { sessionId, prefix = "memory", codec = JSON_CODEC as MessageCodec<never> } = options;
    const tag = `${prefix}:{${sessionId.replace(/[%{}]/g, encodeURIComponent)}}`;
    this.sessionId = sessionId;
    this.#keys = [`${tag}:messages`, `${tag}:guard`];
    this.#codec = codec;
    this.#run = runsOn(client);
  }

  get memoryKeys(): string[] {
    return [this.#options.memoryKey ?? "history"];
  }

  /** All messages, or the last `limit` of them, in their order. */
  async getMessages(limit?: number): Promise<Message[]> {
    if (limit !== undefined && (!Number.isSafeInteger(limit) || limit < 1)) {
      throw new LockUsageError(`limit must be a whole number from 1, got ${show(limit)}`);
    }
    const first = limit === undefined ? 0 : -limit;
    const fence = currentTurn(this.sessionId)?.fencingToken;
    const texts = await this.#run.read(this.#keys, [...this.#guard(fence), String(first)]);
    return texts.map((text) => this.#codec.decode(text));
  }

  /**
   * Adds messages, all or none. Resolves with how many there are.
   * @throws StaleWriteError, LockUsageError
   */
  async append(messages: Message | readonly Message[], options?: WriteOptions): Promise<number> {
    const list: readonly Message[] = Array.isArray(messages) ? messages : [messages as Message];
    return this.#add("append", list, options);
  }

  /**
   * Puts messages in the place of all that are there, in one step: for a summary of what was said. Resolves with how
   * many there are.
   * @throws StaleWriteError, LockUsageError
   */
  replace(messages: readonly Message[], options?: WriteOptions): Promise<number> {
    return this.#add("replace", messages, options);
  }

  /** Takes the last message away and resolves with it; undefined where there is none. @throws StaleWriteError */
  async pop(options?: WriteOptions): Promise<Message | undefined> {
    const [popped] = await this.#write("pop", options);
    return popped === undefined ? undefined : this.#codec.decode(popped);
  }

  /** Takes all messages away. Fencing tokens are remembered for another day. @throws StaleWriteError */
  async clear(options?: WriteOptions): Promise<void> {
    await this.#write("clear", options);
  }

  async addMessages(messages: readonly Message[]): Promise<void> {
    await this.append(messages);
  }

  async addMessage(message: Message): Promise<void> {
    await this.append([message]);
  }

  async loadMemoryVariables(_values?: unknown): Promise<Record<string, Message[]>> {
    const messages = await this.getMessages();
    return Object.fromEntries(this.memoryKeys.map((key) => [key, messages]));
  }

  /** Adds what was said and answered, both or neither: `{ role: "user" }` and `{ role: "assistant" }`. */
  async saveContext(inputs: Record<string, unknown>, outputs: Record<string, unknown>): Promise<void> {
    const { compose } = this.#codec;
    if (compose === undefined)
      throw new LockUsageError("saveContext needs a codec with compose(role, content)");
    const said = compose("user", onlyText("user", inputs));
    await this.append([said, compose("assistant", onlyText("assistant", outputs))]);
  }

  async #add(
    write: "append" | "replace",
    messages: readonly Message[],
    options: WriteOptions | undefined,
  ): Promise<number> {
    const texts = messages.map((message) => this.#encode(message));
    const [length] = await this.#write(write, options, texts);
    return Number(length);
  }

  async #write(
    write: "append" | "replace" | "pop" | "clear",
    options: WriteOptions | undefined,
    args: readonly string[] = [],
  ): Promise<readonly string[]> {
    const fence = this.#fence(options);
    const [status, ...rest] = await this.#run[write](this.#keys, [...this.#guard(fence), ...args]);
    if (status === "stale") throw new StaleWriteError(this.sessionId, Number(fence), Number(rest[0]));
    return rest;
  }

  /** What all scripts are told; scripts.ts says what it means. */
  #guard(fence: number | undefined): string[] {
    const { expireAfter = "forever" } = this.#options;
    const id = randomBytes(12).toString("base64url");
    // A writer that was paused may come back after its messages are forgotten.
    const fenceExpiry = Math.max(DAY, Number(expireAfter) || 0);
    const expiry = expireAfter === "forever" ? ["", ""] : [expireAfter, fenceExpiry];
    return [fence ?? "", id, ...expiry, fenceExpiry].map(String);
  }

  /** @throws LockUsageError */
  #fence(options: WriteOptions | undefined): number | undefined {
    const fence = options?.fencingToken ?? currentTurn(this.sessionId)?.fencingToken;
    if (fence === undefined && this.#options.unfenced === "allow") return undefined;
    if (Number.isSafeInteger(fence)) return fence;
    const session = JSON.stringify(this.sessionId);
    throw new LockUsageError(
      fence === undefined
        ? `a write to the session ${session} carries no fencing token: make it in a turn of that session (lockMemory), pass { fencingToken }, or allow it with unfenced: "allow"`
        : `fencingToken must be a whole number, got ${show(fence)}`,
    );
  }

  #encode(message: Message): string {
    const text: unknown = this.#codec.encode(message);
    if (typeof text === "string") return text;
    throw new LockUsageError(
      `a message must become text by codec.encode, got ${typeof text} for a ${typeof message}`,
    );
  }
}
