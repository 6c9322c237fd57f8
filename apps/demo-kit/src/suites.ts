import { once } from "node:events";
import { createServer } from "node:net";
import { findFreePort } from "@lock/redis-harness/host";
import { expect, it } from "vitest";
import { DemoError } from "./errors.ts";
import { launchDemo } from "./testing.ts";

type ReadOptions = (argv: readonly string[]) => unknown;

/** Options of a demo that it refuses, and the reason that it gives. */
export type Refusal = readonly [argv: readonly string[], reason: string];

/** What every demo does with options that it refuses; it reads them by `readOptions`. */
export function refusalSuite(demo: string, readOptions: ReadOptions, refusals: readonly Refusal[]): void {
  it.each(refusals)("refuses %j", (argv, reason) => {
    const error = refusalOf(() => readOptions(argv));
    expect(error.message).toContain(reason);
    expect(error.message).not.toContain("\u001b");
  });

  const [[argv, reason] = [["--not-known"], "--not-known"]] = refusals;
  it(`ends with exit code 1 and the reason when it refuses ${JSON.stringify(argv)}`, async () => {
    const { code, stdout, stderr } = await launchDemo([demo, ...argv]);
    expect(stderr.replaceAll(/\s+/g, " ")).toContain(reason);
    for (const unwanted of ["\u001b", "    at "]) expect(stderr).not.toContain(unwanted);
    expect(stdout).toBe("");
    expect(code).toBe(1);
  });
}

/** The error that a demo prints without its stack. */
function refusalOf(read: () => unknown): DemoError {
  try {
    read();
  } catch (error) {
    if (error instanceof DemoError) return error;
    throw error;
  }
  throw new Error("the options are not refused");
}

const NO_PORTS = ["0", "65536", "http", "8080\u001b"];

/** What every demo that serves pages does with `--port`; it reads its options by `readOptions`. */
export function serveSuite(demo: string, readOptions: ReadOptions): void {
  refusalSuite(
    demo,
    readOptions,
    NO_PORTS.map((port) => [["--serve", "--port", port], "--port must be a whole number from 1 to 6553"]),
  );

  it("does not serve at a port that is taken, and says so", async () => {
    // A demo may take the next port as well, which an outgoing connection of another test must not have.
    const port = await findFreePort(2);
    const taken = createServer().listen(port, "127.0.0.1");
    await once(taken, "listening");
    const { code, stdout, stderr } = await launchDemo([demo, "--serve", "--port", String(port)]);
    taken.close();
    expect(stderr).toBe(`✗ port ${port} of 127.0.0.1 is taken; try another --port\n`);
    expect(stdout).not.toContain("│");
    expect(code).toBe(1);
  });
}
