import { readFile } from "node:fs/promises";

export const STEPS = 6;

/** One step of a report, as the report itself has written it. */
export interface Step {
  readonly host: string;
  readonly pid: number;
  readonly token: number;
  readonly step: number;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

/** All steps that were written so far. */
export async function readLedger(file: string): Promise<readonly Step[]> {
  const text = await readFile(file, "utf8");
  // The last line may be half written.
  const lines = text.split("\n").slice(0, -1);
  return lines.map((line) => {
    const [host = "", pid, token, step, at = "0"] = line.split(" ");
    return {
      host,
      pid: Number(pid),
      token: Number(token),
      step: Number(step),
      at: Number(BigInt(at) / 1_000n) / 1_000,
    };
  });
}
