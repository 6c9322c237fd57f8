import { setTimeout as pause } from "node:timers/promises";

/** A memory that takes its time, and loses what is written while it writes: as a file or a row of JSON does. */
export class SlowMemory {
  #messages: readonly string[] = [];
  /** How many calls were ever under way at once, and how many writes. */
  most = { calls: 0, writes: 0 };
  #now = { calls: 0, writes: 0 };

  constructor(private readonly takes = 5) {}

  get messages(): readonly string[] {
    return this.#messages;
  }

  async loadMemoryVariables(_values?: unknown): Promise<{ history: readonly string[] }> {
    return this.#call("calls", async () => ({ history: this.#messages }));
  }

  async saveContext(inputs: { readonly input: string }, outputs: { readonly output: string }): Promise<void> {
    await this.#call("writes", async () => {
      const before = this.#messages;
      await pause(this.takes * Math.random());
      this.#messages = [...before, inputs.input, outputs.output];
    });
  }

  async clear(): Promise<void> {
    await this.#call("writes", async () => {
      this.#messages = [];
    });
  }

  async #call<T>(kind: "calls" | "writes", work: () => Promise<T>): Promise<T> {
    this.#now[kind] += 1;
    this.most[kind] = Math.max(this.most[kind], this.#now[kind]);
    try {
      await pause(this.takes * Math.random());
      return await work();
    } finally {
      this.#now[kind] -= 1;
    }
  }
}
