import { type FileHandle, open } from "node:fs/promises";
import { resolve } from "node:path";
import { DemoError, printable } from "@lock/demo-kit";
import type { Entry } from "./messages.ts";
import type { Incident } from "./outage.ts";

/** A line of JSON for each thing that happened. */
export class LogFile implements AsyncDisposable {
  lines = 0;
  #written: Promise<unknown> = Promise.resolve();

  private constructor(
    readonly path: string,
    private readonly file: FileHandle,
  ) {}

  /** @throws DemoError where it cannot be written */
  static async open(name: string): Promise<LogFile> {
    const path = resolve(name);
    try {
      return new LogFile(path, await open(path, "w"));
    } catch (error) {
      throw new DemoError(
        `cannot write the log: ${printable(error instanceof Error ? error.message : name)}`,
      );
    }
  }

  write(entry: Entry | Incident): void {
    const { at, time, client, what, ...detail } = entry;
    const line = JSON.stringify({ time, at, client, what, ...detail });
    this.lines += 1;
    // One after another: the lines of two writes at once could get mixed up.
    this.#written = this.#written.then(() => this.file.appendFile(`${line}\n`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#written;
    } finally {
      await this.file.close();
    }
  }
}
