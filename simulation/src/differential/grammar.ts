import type { Random } from "../world/random.ts";

/** One word of a command, or several. */
type Word = (random: Random) => readonly string[];

const one =
  (...texts: readonly [string, ...string[]]): Word =>
  (random) => [random.pick(texts)];
const maybe =
  (word: Word, probability = 0.4): Word =>
  (random) =>
    random.chance(probability) ? word(random) : [];
const several =
  (word: Word, most = 4): Word =>
  (random) =>
    Array.from({ length: random.integer(1, most) }, () => word(random)).flat();
const both =
  (...words: readonly Word[]): Word =>
  (random) =>
    words.flatMap((word) => word(random));
const either =
  (...words: readonly [Word, ...Word[]]): Word =>
  (random) =>
    random.pick(words)(random);

const KEY = one("a", "b", "c", "d", "{a}:x", "");
const MEMBER = one("m", "n", "o", "mm", "ä", "", "\x00\xff", "10");
const TEXT = one("", "v", "a longer value", "0", "-1", "1.5", "ü", "\r\n\x00");
const INDEX = one("0", "1", "-1", "2", "-2", "-100", "100", "007", "x", "1.0", "", "9223372036854775808");
/** None that ends while a sequence runs. */
const DURATION = one("0", "-1", "60000", "3600000", "99999999999", "1e3", "x", " 1", "9223372036854775807");
const SCORE = one(
  ...([
    "0",
    "1",
    "2",
    "-1",
    "1.5",
    "1e3",
    "1e300",
    "-0",
    "inf",
    "-inf",
    "+inf",
    "nan",
    "x",
    "",
    "2147483648",
  ] as const),
  ...[
    "9007199254740991",
    "9007199254740993",
    "1764400000123456",
    "0.1",
    "1e-7",
    "123456789012345678",
    "1e17",
    "0x10",
  ],
);
const LIMIT = either(SCORE, (random) => [`(${SCORE(random)[0]}`]);
const WITHSCORES = maybe(one("WITHSCORES", "withscores"));
const PAGE = maybe(both(one("LIMIT"), INDEX, INDEX));

/** Every command of the model, in all its forms, with what is no command now and then. */
const COMMANDS: readonly [Word, ...Word[]] = [
  both(one("GET", "get"), KEY),
  both(
    one("SET"),
    KEY,
    TEXT,
    maybe(one("NX", "XX")),
    maybe(one("GET")),
    maybe(either(both(one("EX", "PX", "EXAT", "PXAT"), DURATION), one("KEEPTTL"))),
  ),
  both(one("DEL"), several(KEY)),
  both(one("EXISTS"), several(KEY)),
  both(one("TYPE"), KEY),
  both(one("PTTL"), KEY),
  both(one("PEXPIRE"), KEY, DURATION, maybe(several(one("NX", "XX", "GT", "LT", "QQ"), 2), 0.3)),
  both(one("HSET"), KEY, several(both(MEMBER, TEXT))),
  both(one("HGET"), KEY, MEMBER),
  both(one("HMGET"), KEY, several(MEMBER)),
  both(one("HGETALL"), KEY),
  both(one("HDEL"), KEY, several(MEMBER)),
  both(
    one("ZADD"),
    KEY,
    maybe(several(one("NX", "XX", "GT", "LT", "CH", "INCR"), 2), 0.4),
    several(both(SCORE, MEMBER)),
  ),
  both(one("ZADD"), KEY, several(both(one("1", "2", "3"), MEMBER))),
  both(one("ZREM"), KEY, several(MEMBER)),
  both(one("ZSCORE"), KEY, MEMBER),
  both(one("ZCARD"), KEY),
  both(one("ZCOUNT"), KEY, LIMIT, LIMIT),
  both(one("ZRANGE"), KEY, INDEX, INDEX, maybe(one("REV")), WITHSCORES),
  both(one("ZRANGE"), KEY, LIMIT, LIMIT, maybe(one("BYSCORE"), 0.8), maybe(one("REV")), PAGE, WITHSCORES),
  both(one("ZRANGEBYSCORE"), KEY, LIMIT, LIMIT, WITHSCORES, PAGE),
  both(one("ZREMRANGEBYSCORE"), KEY, LIMIT, LIMIT),
];

/** A command; one in twenty has a word too few, or too many. */
export function drawCommand(random: Random): readonly string[] {
  const words = random.pick(COMMANDS)(random);
  if (random.chance(0.95)) return words;
  return random.chance(0.5) && words.length > 1 ? words.slice(0, -1) : [...words, "extra"];
}
