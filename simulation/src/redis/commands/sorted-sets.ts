import { float, integer, type ScoreLimit, scoreLimit, writeNumber } from "../numbers.ts";
import { CommandError, type Reply } from "../reply.ts";
import type { Scored } from "../sorted-set.ts";
import { type CommandTable, type Scope, SYNTAX } from "./types.ts";

export const sortedSetCommands: CommandTable = {
  ZADD: { arity: -4, writes: "may grow", keys: [0, 0], run: zadd },
  ZREM: {
    arity: -3,
    writes: "frees",
    keys: [0, 0],
    run({ keys }, [key = "", ...members]) {
      const set = keys.find(key, "zset")?.members;
      const count = members.filter((member) => set?.delete(member)).length;
      keys.deleteIfEmpty(key);
      return count;
    },
  },
  ZSCORE: {
    arity: 3,
    keys: [0, 0],
    run({ keys }, [key = "", member = ""]) {
      const score = keys.find(key, "zset")?.members.score(member);
      return score === undefined ? null : writeNumber(score);
    },
  },
  ZCARD: { arity: 2, keys: [0, 0], run: ({ keys }, [key = ""]) => keys.find(key, "zset")?.members.size ?? 0 },
  ZCOUNT: {
    arity: 4,
    keys: [0, 0],
    run(scope, [key = "", min = "", max = ""]) {
      const limits = [scoreLimit(min), scoreLimit(max)] as const;
      return between(membersOf(scope, key), ...limits).length;
    },
  },
  ZRANGE: { arity: -4, keys: [0, 0], run: zrange },
  ZRANGEBYSCORE: { arity: -4, keys: [0, 0], run: zrangebyscore },
  ZREMRANGEBYSCORE: {
    arity: 4,
    writes: "frees",
    keys: [0, 0],
    run({ keys }, [key = "", min = "", max = ""]) {
      const limits = [scoreLimit(min), scoreLimit(max)] as const;
      const set = keys.find(key, "zset")?.members;
      const gone = between(set?.all() ?? [], ...limits);
      for (const [member] of gone) set?.delete(member);
      keys.deleteIfEmpty(key);
      return gone.length;
    },
  },
};

function membersOf({ keys }: Scope, key: string): readonly Scored[] {
  return keys.find(key, "zset")?.members.all() ?? [];
}

function between(all: readonly Scored[], min: ScoreLimit, max: ScoreLimit): readonly Scored[] {
  return all.filter(([, score]) => {
    const isAbove = min.isExclusive ? score > min.score : score >= min.score;
    return isAbove && (max.isExclusive ? score < max.score : score <= max.score);
  });
}

function written(found: readonly Scored[], withScores: boolean): string[] {
  return found.flatMap(([member, score]) => (withScores ? [member, writeNumber(score)] : [member]));
}

interface RangeOptions {
  withScores: boolean;
  isReversed: boolean;
  byScore: boolean;
  limit: readonly [offset: number, count: number] | undefined;
}

function readRangeOptions(words: readonly string[], known: readonly string[]): RangeOptions {
  const options: RangeOptions = { withScores: false, isReversed: false, byScore: false, limit: undefined };
  for (let i = 0; i < words.length; i++) {
    const word = words[i]?.toUpperCase() ?? "";
    if (!known.includes(word)) throw new CommandError(SYNTAX);
    if (word === "WITHSCORES") options.withScores = true;
    if (word === "REV") options.isReversed = true;
    if (word === "BYSCORE") options.byScore = true;
    if (word !== "LIMIT") continue;
    const [offset, count] = words.slice(i + 1, i + 3);
    if (offset === undefined || count === undefined) throw new CommandError(SYNTAX);
    options.limit = [integer(offset), integer(count)];
    i += 2;
  }
  return options;
}

const NO_LIMIT = "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX";

function zrange(scope: Scope, [key = "", from = "", to = "", ...words]: readonly string[]): Reply {
  const options = readRangeOptions(words, ["WITHSCORES", "REV", "BYSCORE", "LIMIT"]);
  if (options.byScore) return byScore(scope, key, [from, to], options);
  // A count of -1 is the same as no limit.
  if (options.limit !== undefined && options.limit[1] !== -1) throw new CommandError(NO_LIMIT);
  const [first, last] = [integer(from), integer(to)];
  const all = membersOf(scope, key);
  const ordered = options.isReversed ? all.toReversed() : all;
  const start = Math.max(0, first < 0 ? all.length + first : first);
  const end = last < 0 ? all.length + last : last;
  return written(start > end ? [] : ordered.slice(start, end + 1), options.withScores);
}

function zrangebyscore(scope: Scope, [key = "", min = "", max = "", ...words]: readonly string[]): Reply {
  return byScore(scope, key, [min, max], readRangeOptions(words, ["WITHSCORES", "LIMIT"]));
}

function byScore(
  scope: Scope,
  key: string,
  ends: readonly [string, string],
  { withScores, isReversed, limit }: RangeOptions,
): Reply {
  const [min, max] = isReversed ? ends.toReversed() : ends;
  const limits = [scoreLimit(min ?? ""), scoreLimit(max ?? "")] as const;
  const found = between(membersOf(scope, key), ...limits);
  const ordered = isReversed ? found.toReversed() : found;
  const [offset, count] = limit ?? [0, -1];
  if (offset < 0) return [];
  return written(ordered.slice(offset, count < 0 ? undefined : offset + count), withScores);
}

const FLAGS = ["NX", "XX", "GT", "LT", "CH", "INCR"];

function zadd({ keys }: Scope, [key = "", ...words]: readonly string[]): Reply {
  const end = words.findIndex((word) => !FLAGS.includes(word.toUpperCase()));
  const flags = new Set(words.slice(0, Math.max(0, end)).map((word) => word.toUpperCase()));
  const pairs = end < 0 ? [] : words.slice(end);
  checkFlags(flags, pairs.length);
  const scores = pairs.filter((_, index) => index % 2 === 0).map((text) => float(text));
  const changes = scores.map((score, index): Scored => [pairs[index * 2 + 1] ?? "", score]);
  const known = keys.find(key, "zset");
  if (known === undefined && flags.has("XX")) return flags.has("INCR") ? null : 0;
  const { members } = keys.findOrMake(key, "zset");
  const results = changes.map((change) => {
    const present = members.score(change[0]);
    return addOne(members, change, present, flags);
  });
  keys.deleteIfEmpty(key);
  if (flags.has("INCR")) return results[0]?.score === undefined ? null : writeNumber(results[0].score);
  return results.filter(({ what }) => what === "added" || (what === "changed" && flags.has("CH"))).length;
}

function checkFlags(flags: ReadonlySet<string>, count: number): void {
  if (count === 0 || count % 2 === 1) throw new CommandError(SYNTAX);
  if (flags.has("NX") && flags.has("XX")) {
    throw new CommandError("ERR XX and NX options at the same time are not compatible");
  }
  const limits = ["GT", "LT", "NX"].filter((flag) => flags.has(flag));
  if (limits.length > 1) {
    throw new CommandError("ERR GT, LT, and/or NX options at the same time are not compatible");
  }
  if (flags.has("INCR") && count > 2) {
    throw new CommandError("ERR INCR option supports a single increment-element pair");
  }
}

interface Added {
  readonly what: "added" | "changed" | "kept";
  readonly score?: number;
}

function addOne(
  members: { set(member: string, score: number): void },
  [member, given]: Scored,
  present: number | undefined,
  flags: ReadonlySet<string>,
): Added {
  if (present === undefined) {
    if (flags.has("XX")) return { what: "kept" };
    members.set(member, given);
    return { what: "added", score: given };
  }
  if (flags.has("NX")) return { what: "kept" };
  const score = flags.has("INCR") ? present + given : given;
  if (Number.isNaN(score)) throw new CommandError("ERR resulting score is not a number (NaN)");
  if ((flags.has("GT") && score <= present) || (flags.has("LT") && score >= present)) return { what: "kept" };
  if (score !== present) members.set(member, score);
  return { what: score === present ? "kept" : "changed", score };
}
