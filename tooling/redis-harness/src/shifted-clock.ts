import { closeSync, constants, openSync, writeSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findCompiler } from "./find-compiler.ts";
import type { Home } from "./home.ts";
import { run } from "./run.ts";

const SOURCE = fileURLToPath(new URL("./shifted-clock.c", import.meta.url));

/** A wall clock for one server, ahead of this machine's or behind it. */
export interface ShiftedClock {
  /** What the server's process has to be started with. */
  readonly env: Readonly<Record<string, string>>;
  /** Milliseconds ahead of this machine's clock; it counts from the server's next look at the clock. */
  set(offset: number): void;
}

/** What is preloaded, once it is compiled: a compiler takes longer to start than a server. */
let compiled: Promise<Buffer> | undefined;

/**
 * Prepares a clock whose offset may change while the server runs. What is preloaded is written into the server's own
 * directory: one in a place that others can write to is nothing to preload.
 */
export async function shiftedClock(home: Home, offset: number): Promise<ShiftedClock> {
  if (process.platform !== "linux") {
    throw new Error("a server's clock can only be shifted on Linux: it takes LD_PRELOAD");
  }
  const [file, library] = [join(home, "clock-offset"), join(home, "shifted-clock.so")];
  compiled ??= compile(library);
  await writeFile(library, await compiled, { mode: 0o700 });
  const set = (ahead: number) => writeInPlace(file, ahead);
  set(offset);
  return { env: { LD_PRELOAD: library, SHIFTED_CLOCK_FILE: file }, set };
}

async function compile(library: string): Promise<Buffer> {
  const build = ["-shared", "-fPIC", "-O2", "-o", library, SOURCE];
  const { ok, output } = await run(await findCompiler(), build);
  if (!ok) throw new Error(`compiling ${SOURCE} failed:\n${output}`);
  return readFile(library);
}

function writeInPlace(file: string, offset: number): void {
  const microseconds = new BigInt64Array([BigInt(Math.round(offset * 1_000))]);
  // Never truncated: for a server that reads the file just then, as memory, it would end before its first byte.
  const descriptor = openSync(file, constants.O_WRONLY | constants.O_CREAT, 0o600);
  try {
    writeSync(descriptor, new Uint8Array(microseconds.buffer), 0, microseconds.byteLength, 0);
  } finally {
    closeSync(descriptor);
  }
}
