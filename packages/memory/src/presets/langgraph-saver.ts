import { lockShape } from "../lock-memory.ts";
import type { LockedMemory } from "../locked-object.ts";
import type { MemoryCall, MemoryOptions } from "../options.ts";

/** LangGraph's `BaseCheckpointSaver`, by its shape. */
export interface LanggraphSaver {
  getTuple(config: never): Promise<unknown>;
  list(config: never, options?: never): AsyncGenerator<unknown>;
  put(config: never, checkpoint: never, metadata: never, newVersions: never): Promise<unknown>;
  putWrites(config: never, writes: never, taskId: string): Promise<void>;
  deleteThread(threadId: string): Promise<void>;
}

/** Options of `langgraphSaver`. A thread is a session. */
export type LanggraphSaverOptions = Omit<MemoryOptions, "sessionId"> &
  Partial<Pick<MemoryOptions, "sessionId">>;

const SHAPE = {
  name: "checkpoint saver",
  required: ["getTuple", "list", "put", "putWrites", "deleteThread"],
  read: ["get", "getTuple", "getDeltaChannelHistory"],
  iterate: ["list"],
  write: ["put", "putWrites", "deleteThread"],
};

/**
 * Locks a checkpoint saver of LangGraph: each call takes the lock of its `thread_id`. For a whole run, hold a turn around
 * the graph's `invoke` or `stream`, with the thread as `sessionId`.
 * @throws LockUsageError; writes reject with it where the config names no thread
 */
export function langgraphSaver<Saver extends LanggraphSaver>(
  saver: Saver,
  options: LanggraphSaverOptions,
): LockedMemory<Saver> {
  return lockShape("langgraphSaver", saver, SHAPE, { sessionId: threadOf, ...options });
}

/** Of the configuration, of an object with one, or the thread itself. Null: of none, such as a list of all threads. */
function threadOf({ args: [first] }: MemoryCall): string | null {
  if (typeof first === "string") return first;
  const { configurable = Object(Object(first).config).configurable } = Object(first);
  const { thread_id: thread = null } = Object(configurable);
  return typeof thread === "number" ? String(thread) : thread;
}
