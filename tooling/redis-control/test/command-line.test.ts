import { afterEach, expect, it, vi } from "vitest";
import { runCommand } from "../src/command.ts";
import { health } from "../src/health.ts";
import { logs } from "../src/logs.ts";
import { restart } from "../src/restart.ts";
import { start } from "../src/start.ts";
import { stop } from "../src/stop.ts";

const COMMANDS = { start, stop, restart, logs, health };

afterEach(() => void vi.restoreAllMocks());

/** Of arguments that are refused, or answered, before anything is done. */
async function run(
  name: keyof typeof COMMANDS,
  ...argv: string[]
): Promise<{ code: number; output: string }> {
  let output = "";
  for (const channel of [process.stdout, process.stderr]) {
    vi.spyOn(channel, "write").mockImplementation((text) => {
      output += String(text);
      return true;
    });
  }
  const code = await runCommand(COMMANDS[name], argv);
  vi.restoreAllMocks();
  return { code, output };
}

it.each(["start", "stop", "restart", "logs", "health"] as const)("%s tells how it is used", async (name) => {
  for (const help of ["--help", "-h"]) {
    expect(await run(name, help)).toMatchObject({
      code: 0,
      output: expect.stringMatching(`^pnpm redis:${name}`),
    });
  }
  for (const word of ["--colour", "more"]) {
    const { code, output } = await run(name, "--", word);
    expect(code).toBe(64);
    expect(output).toContain(`try: pnpm redis:${name} --help`);
    expect(output).not.toContain("    at ");
  }
});

it.each([
  ["start", ["S3cret"], "try: pnpm redis:start --help"],
  ["start", ["--port", "S3cret"], "--port must be a whole number from 1 to 65535, got another text"],
  ["logs", ["--lines", "S3cret"], "--lines must be"],
  ["health", ["--S3cret-timeout=S3cret"], "Unknown option"],
] as const)("%s %j does not repeat what may be a password", async (name, argv, said) => {
  const { output } = await run(name, ...argv);
  expect(output).toContain(said);
  expect(output.replace("--S3cret-timeout", "")).not.toContain("S3cret");
});

it.each([
  ["start", ["--port", "0"], "--port must be a whole number from 1 to 65535"],
  ["start", ["--port", "6e3"], "--port must be a whole number from 1 to 65535"],
  ["start", ["--quorum", "--port", "65533"], "--port must leave room"],
  ["logs", ["--lines", "many"], "--lines must be"],
  ["health", ["--timeout", "0"], "--timeout must be"],
] as const)("%s refuses %j", async (name, argv, said) => {
  expect(await run(name, ...argv)).toMatchObject({ code: 64, output: expect.stringContaining(said) });
});
