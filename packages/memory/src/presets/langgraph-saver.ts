import type { LockedMemory } from "../locked-object.ts";
import type { MemoryCall, MemoryOptions } from "../options.ts";
import { callsIn, listOf, type Message, withResults } from "./langchain-messages.ts";
import { lockWithToolCalls, type ToolCalls } from "./tool-calls.ts";

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
 * the graph's `invoke` or `stream`, with the thread as `sessionId`. If that is cut while a tool runs, by an interrupt, an
 * abort or a lost lease, a checkpoint is added in which the call has a result, since models refuse it without.
 * @throws LockUsageError; writes reject with it where the config names no thread
 */
export function langgraphSaver<Saver extends LanggraphSaver>(
  saver: Saver,
  options: LanggraphSaverOptions,
): LockedMemory<Saver> {
  const given = { sessionId: threadOf, ...options };
  return lockWithToolCalls("langgraphSaver", saver, SHAPE, given, toolCallsOf(saver as unknown as Saving));
}

/** The channel of the tasks that a node has sent: an agent of LangGraph's sends one for each tool call. */
const TASKS = "__pregel_tasks";

type Version = number | string;

interface Checkpoint {
  readonly id: string;
  readonly channel_values?: Readonly<Record<string, unknown>>;
  readonly channel_versions: Readonly<Record<string, Version>>;
}

interface Tuple {
  readonly config: object;
  readonly checkpoint: Checkpoint;
  readonly metadata?: { readonly step?: number };
  readonly pendingWrites?: readonly (readonly [taskId: string, channel: string, value: unknown])[];
}

/** What adding a checkpoint takes. */
interface Saving {
  getTuple(config: object): Promise<Tuple | undefined>;
  getNextVersion(current: Version | undefined): Version;
  put(config: object, checkpoint: object, metadata: object, versions: object): Promise<unknown>;
}

function toolCallsOf(saver: Saving): ToolCalls {
  return {
    writtenBy: ([, brought]) => {
      const writes = Array.isArray(brought) ? brought.map(([, value]) => value) : [];
      return callsIn([...writes, ...Object.values(Object(Object(brought).channel_values))]);
    },
    settle: async (thread_id, calls, isLate) => {
      const tuple = await saver.getTuple({ configurable: { thread_id } });
      if (tuple === undefined) return;
      const { config, checkpoint, metadata, pendingWrites = [] } = tuple;
      // A newer turn may wait for an answer there, which another checkpoint would hide.
      if (isLate && pendingWrites.length > 0) return;
      const results = pendingWrites.flatMap(([, , value]) => listOf(value));
      const values = settledValues(checkpoint, calls, results);
      const changed = Object.keys(values);
      if (changed.length === 0) return;
      const versionsSeen = Object.values(checkpoint.channel_versions).toSorted((a, b) => (a > b ? 1 : -1));
      const version = saver.getNextVersion(versionsSeen.at(-1));
      const versions = Object.fromEntries(changed.map((channel) => [channel, version]));
      const settled = {
        ...checkpoint,
        id: idAfter(checkpoint.id),
        ts: new Date().toISOString(),
        channel_values: { ...checkpoint.channel_values, ...values },
        channel_versions: { ...checkpoint.channel_versions, ...versions },
      };
      const step = (metadata?.step ?? 0) + 1;
      await saver.put(config, settled, { parents: {}, ...metadata, source: "update", step }, versions);
    },
  };
}

/** The channels in which a call has no result, with it. */
function settledValues(
  { channel_values: values = {} }: Checkpoint,
  calls: ReadonlySet<string>,
  results: readonly Message[],
): Record<string, unknown> {
  const lists = Object.entries(values).filter(([, value]) => Array.isArray(value));
  const settled = lists.flatMap(([name, list]) => {
    const all = withResults(listOf(list), calls, results);
    return all === list ? [] : [[name, all]];
  });
  // A tool that was cut off must not be run again by a resume, beside the result that it now has.
  const tasks = settled.length > 0 && TASKS in values ? { [TASKS]: [] } : {};
  return { ...tasks, ...Object.fromEntries(settled) };
}

/** Ids are UUIDs by time, and the greatest is the newest: this one comes before all that are made later. */
function idAfter(id: string): string {
  const next = (BigInt(`0x${id.replaceAll("-", "")}`) + 1n).toString(16).padStart(32, "0");
  return next.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** Of the configuration, of an object with one, or the thread itself. Null: of none, such as a list of all threads. */
function threadOf({ args: [first] }: MemoryCall): string | null {
  if (typeof first === "string") return first;
  const { configurable = Object(Object(first).config).configurable } = Object(first);
  const { thread_id: thread = null } = Object(configurable);
  return typeof thread === "number" ? String(thread) : thread;
}
