import { lockShape } from "../lock-memory.ts";
import type { LockedMemory } from "../locked-object.ts";
import type { MemoryOptions } from "../options.ts";

/** LangChain's `BaseMemory`, by its shape. */
export interface LangchainMemory {
  loadMemoryVariables(values: never): Promise<unknown>;
  saveContext(inputs: never, outputs: never): Promise<void>;
}

const SHAPE = {
  name: "LangChain memory",
  required: ["loadMemoryVariables", "saveContext"],
  read: ["loadMemoryVariables"],
  write: ["saveContext", "clear"],
};

/** Locks a memory of LangChain's chains, such as `BufferMemory`. @throws LockUsageError */
export function langchainMemory<Memory extends LangchainMemory>(
  memory: Memory,
  options: MemoryOptions,
): LockedMemory<Memory> {
  return lockShape("langchainMemory", memory, SHAPE, options);
}
