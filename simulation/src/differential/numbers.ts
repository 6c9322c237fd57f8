import type { Vm } from "../lua/vm.ts";
import { CommandError } from "../redis/reply.ts";
import { Server } from "../redis/server.ts";
import type { Difference, RealServer } from "./compare.ts";

/** What scripts meet: small numbers, the ends of 32 and 53 bits, today in microseconds, and durations. */
const VALUES = [
  "0",
  "1",
  "2",
  "10",
  "-1",
  "999",
  "1000",
  "2147483647",
  "2147483648",
  "4294967296",
  "1764400000123456",
  "1764400000",
  "9007199254740990",
  "9007199254740991",
  "3600000",
  "86400000",
  "0.5",
  "1e3",
];

/** The ways in which our scripts make numbers and write them; `a` and `b` are texts, as arguments and replies are. */
const WAYS = [
  "string.format('%.0f', a)",
  "string.format('%.0f', a + b * 1000)",
  "string.format('%.0f', a * 1000000 + b)",
  "string.format('%.0f', tonumber(a))",
  "tostring(math.floor((a - b) / 1000))",
  "tostring(math.max(1, math.ceil((a - b) / 1000)))",
  "tostring(math.min(tonumber(a), 1000))",
  "tostring(a + 1)",
  "'' .. math.floor(a / 1000)",
  "'x ' .. tonumber(a)",
  "tostring(tonumber(a) < tonumber(b))",
  "tostring(a - b > 5 * 1000)",
  "tostring(tonumber('') or 0)",
  "redis.call('ZADD', 'z', string.format('%.0f', a), 'm') .. redis.call('ZSCORE', 'z', 'm')",
  "redis.call('ZADD', 'z', a, 'm') .. redis.call('ZSCORE', 'z', 'm')",
  "tostring(redis.call('SET', 'k', 'v', 'PX', math.max(1, math.floor(tonumber(a)))).ok)",
  "string.match('p' .. math.floor(a), '^(%a)(%d*):?(%d*)')",
];

/**
 * Where Lua 5.4 writes a number otherwise than the 5.1 of Redis. Numbers of more than 14 digits are not written by `..`
 * or `tostring` in our scripts, and none of them has a fraction.
 */
const NOT_WRITTEN = /^('|tostring\()/;

export async function compareNumbers(vm: Vm, real: RealServer): Promise<Difference[]> {
  const server = new Server({ vm, now: () => Date.now() * 1_000, publish: () => 0, runId: () => "0" });
  const commands = WAYS.flatMap((way) =>
    VALUES.flatMap((a) =>
      VALUES.map((b) => ["EVAL", `local a, b = ARGV[1], ARGV[2] return ${way}`, "0", a, b]),
    ),
  ).filter(([, source = "", , a = "", b = ""]) => isWritten(source, a, b));
  const replies = await real([["FLUSHALL"], ...commands]);
  return commands.flatMap((command, index) => {
    const told = String(replies[index + 1] instanceof Error ? "error" : replies[index + 1]);
    const model = answer(server, command);
    return model === told ? [] : [{ seed: 0, command, model, real: told }];
  });
}

function isWritten(source: string, a: string, b: string): boolean {
  const [, way = ""] = source.split("return ");
  const isLong = [a, b].some((text) => Math.abs(Number(text)) >= 1e14);
  const isBroken = [a, b].some((text) => !/^-?\d+$/.test(text));
  // Integers of Lua 5.4 end at 64 bits; those of our scripts end at 53.
  const isTooLarge = way.includes("1000000") && Math.abs(Number(a)) > 9e9;
  return !isTooLarge && !(NOT_WRITTEN.test(way) && (isLong || isBroken));
}

function answer(server: Server, command: readonly string[]): string {
  try {
    return String(server.execute(command));
  } catch (error) {
    if (error instanceof CommandError) return "error";
    throw error;
  }
}
