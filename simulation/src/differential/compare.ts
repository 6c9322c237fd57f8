import type { Vm } from "../lua/vm.ts";
import { CommandError, type Reply } from "../redis/reply.ts";
import { Server } from "../redis/server.ts";
import { Random } from "../world/random.ts";
import { drawCommand } from "./grammar.ts";

/** A real server: answers commands, whose words and replies are bytes, in order. Errors are values. */
export type RealServer = (commands: readonly (readonly string[])[]) => Promise<readonly unknown[]>;

/** Where the model answered something else than the server. */
export interface Difference {
  readonly seed: number;
  readonly command: readonly string[];
  readonly model: string;
  readonly real: string;
}

const LENGTH = 24;
const KEYS = ["a", "b", "c", "d", "{a}:x", ""];
/** Both clocks are read at other moments: a PTTL may differ by so much. */
const TOLERANCE = 5_000;

/** Runs one random sequence of commands on both, and compares each reply, and then each key. */
export async function compareOne(seed: number, vm: Vm, real: RealServer): Promise<Difference[]> {
  const random = new Random(seed, 7);
  const commands = Array.from({ length: LENGTH }, () => drawCommand(random));
  const looks = KEYS.flatMap((key) => [
    ["TYPE", key],
    ["PTTL", key],
    ["GET", key],
    ["HGETALL", key],
    ["ZRANGE", key, "0", "-1", "WITHSCORES"],
  ]);
  const all = [...commands, ...looks];
  const [clock, ...replies] = await real([["TIME"], ["FLUSHALL"], ...all]);
  const [seconds, micros] = clock as [string, string];
  const now = Number(seconds) * 1e6 + Number(micros);
  const server = new Server({ vm, now: () => now, publish: () => 0, runId: () => "0" });
  return all.flatMap((command, index) => {
    const model = write(command, answer(server, command));
    const told = write(command, replies[index + 1]);
    const isSame = model === told || (isTime(command) && isNear(model, told));
    return isSame ? [] : [{ seed, command, model, real: told }];
  });
}

function answer(server: Server, command: readonly string[]): unknown {
  try {
    return server.execute(command);
  } catch (error) {
    if (error instanceof CommandError) return error;
    throw error;
  }
}

function isTime([name]: readonly string[]): boolean {
  return name === "PTTL";
}

function isNear(a: string, b: string): boolean {
  return Math.abs(Number(a) - Number(b)) <= TOLERANCE && Math.sign(Number(a)) === Math.sign(Number(b));
}

/** A reply as text. */
function write([name]: readonly string[], reply: unknown): string {
  if (reply instanceof Error) return `error ${reply.message}`;
  if (name?.toUpperCase() === "HGETALL" && Array.isArray(reply)) {
    const pairs = reply.flatMap((item, index) =>
      index % 2 === 0 ? [JSON.stringify([item, reply[index + 1]])] : [],
    );
    // A hash has no order.
    return pairs.sort().join(" ");
  }
  const { ok } = Object(reply) as { ok?: string };
  return JSON.stringify(ok ?? (reply as Reply));
}
