import { asClosedClient } from "../../contract/closed-client.ts";
import { LockBackendError } from "../../contract/errors.ts";
import { warn } from "../../contract/host.ts";
import { withoutSecrets } from "../../contract/redaction.ts";
import { show } from "../../contract/show.ts";
import { asUnexplained } from "../../contract/unexplained.ts";
import { isLostConnection, wasNotSent } from "./lost.ts";

/** Server errors after which the same command may succeed soon. None of them has executed it. */
const PASSING = {
  READONLY:
    "the server is a replica: a failover may be under way; is the client given a replica's address? (ioredis stays " +
    "with it unless its reconnectOnError says otherwise)",
  LOADING: "the server is loading its data",
  MASTERDOWN: "the replica has lost its master",
  CLUSTERDOWN: "the cluster cannot serve this slot now",
  TRYAGAIN: "the slot is being moved",
  NOREPLICAS: "too few replicas are connected (min-replicas-to-write)",
  OOM: "the server is out of memory (maxmemory): give it more, or find what fills it",
  MISCONF: "the server cannot save to disk and refuses writes: see its log",
  BUSY: "a script occupies the server",
} as const;

const PLAIN_CLIENT =
  "the key is on another node of a cluster, which a plain client does not go to: use `new Cluster([...])` of ioredis, or " +
  "`createCluster({ rootNodes: [...] })` of node-redis";

/** Server errors that stay until somebody changes something. */
const LASTING = {
  NOAUTH: "the client has to authenticate: give it a username and password",
  WRONGPASS: "wrong username or password",
  NOPERM:
    "locks need ~<prefix>:* &<prefix>:* +eval +evalsha +get +set +del +exists +type " +
    "+pexpire +pttl +time +publish +subscribe +unsubscribe +zadd +zrem +zrange +zrangebyscore +zremrangebyscore " +
    "+zcard +zcount +zscore +hget +hset +hmget +hdel +hgetall +ping, and +scan for list(), +wait +client|id for " +
    "minReplicas, +info for a quorum",
  WRONGTYPE: "a key of this lock holds a value of another type: does another program use the same prefix?",
  CROSSSLOT:
    "the keys of one lock are in different hash slots: does the client's key prefix contain a brace? is the server, as a " +
    "node of a quorum, cluster-enabled?",
  MOVED: PLAIN_CLIENT,
  ASK: PLAIN_CLIENT,
  DENIED: "the server is in protected mode",
  "unknown command":
    "locks need EVAL and EVALSHA, and in scripts the commands that guarantees.md lists: see rename-command in its " +
    "configuration, or what the managed service or the proxy in front of it allows",
} as const;

type Code = keyof typeof PASSING | keyof typeof LASTING;

const CODE = new RegExp(`\\b(${[...Object.keys(PASSING), ...Object.keys(LASTING)].join("|")})\\b`);
/** Other words for the same: of older servers, and of what stands in for Redis. What is more special comes first. */
const SAYINGS: readonly (readonly [saying: RegExp, code: Code])[] = [
  // Redis 7 says this in a script where a command's right is missing.
  [/can't run this command|can't access (at least )?one of the keys/i, "NOPERM"],
  [/unknown (redis )?(sub)?command|unsupported (redis )?command/i, "unknown command"],
  [/command .{0,60}\bnot (allowed|available|supported|permitted|enabled)\b/is, "unknown command"],
  [/\bERR invalid password/, "WRONGPASS"],
];
/** It is right for a while, where it says so of memory or of a replica. */
const FOR_NOW = /\b(OOM|MISCONF|READONLY|NOREPLICAS|LOADING|BUSY|MASTERDOWN)\b/;

/** What node-redis says where its owner has not connected it, or has closed it. */
const CLOSED = /client is closed|client was destroyed/i;
/** What ioredis says then; but also of commands that were under way when it gave a connection up. */
const ENDED = /connection is closed/i;

/** How the scripts say that a counter of fencing tokens was written by no lock. */
const FENCE = "LOCKFENCE";

function codeOf(message: string): Code | undefined {
  const said = SAYINGS.find(([saying]) => saying.test(message));
  if (said !== undefined && !FOR_NOW.test(message)) return said[1];
  return CODE.exec(message)?.[1] as Code | undefined;
}

/**
 * What a client or the server said, as a typed error with advice. Where it is not known whether the command was
 * executed, it is ambiguous; where it is not known whether the fault passes, it is unexplained.
 */
export function backendError(error: unknown, key: string | undefined): LockBackendError {
  const cause = withoutSecrets(error);
  if (cause.message.includes(FENCE)) return wrongCounter(key);
  const code = codeOf(cause.message);
  if (code !== undefined) {
    const lacking = code === "NOPERM" ? `the ACL user lacks ${missingRight(cause.message)}; ` : "";
    const text = `redis refused (${code}): ${lacking}${{ ...PASSING, ...LASTING }[code]}`;
    return new LockBackendError(text, { key, cause, retryable: code in PASSING, ambiguous: false });
  }
  const options = { key, cause, ambiguous: !wasNotSent(cause.message) };
  const [isClosed, isEnded] = [CLOSED.test(cause.message), ENDED.test(cause.message)];
  const advice = "connect the client before use, and close it only after the locks";
  const text = `redis could not be asked: ${cause.message}${isClosed || isEnded ? `; ${advice}` : ""}`;
  if (isClosed) return asClosedClient(new LockBackendError(text, { ...options, retryable: false }));
  if (isLostConnection(cause)) return new LockBackendError(text, { ...options, retryable: true });
  const unexplained = isEnded ? text : `redis failed with an unknown error: ${cause.message}`;
  const fault = asUnexplained(new LockBackendError(unexplained, { ...options, retryable: true }));
  return isEnded ? asClosedClient(fault) : fault;
}

const COMMAND = /\brun the '([\w|]+)' command|\(calls ([\w, ]+)\)/;

/** The right that an ACL user lacks, as ACL SETUSER takes it. */
function missingRight(said: string): string {
  if (/\bchannels?\b/i.test(said)) return "&<prefix>:*";
  if (/\bkeys?\b/i.test(said)) return "~<prefix>:*";
  const [, command, commands] = COMMAND.exec(said) ?? [];
  const lacking = command ?? commands;
  return lacking === undefined
    ? "a right"
    : lacking
        .toLowerCase()
        .split(", ")
        .map((one) => `+${one}`)
        .join(" or ");
}

function wrongCounter(key = ""): LockBackendError {
  const text =
    `the counter of fencing tokens of ${JSON.stringify(key)} (its Redis key ends in ":fence") had a value that no ` +
    "lock writes. New tokens come from the server's clock: find the program that wrote the value, and compare with the " +
    "tokens in your stores";
  warn(text, { type: "LockWarning" });
  return new LockBackendError(text, { key, retryable: true, ambiguous: false });
}

/** A request that the server has not executed. */
export function refused(status: "late" | "cancelled"): LockBackendError {
  const why = status === "late" ? "too late, by the server's clock" : "after it was given up";
  return new LockBackendError(`redis refused a request that arrived ${why}`, {
    retryable: status === "late",
    ambiguous: false,
  });
}

/** No answer within the time that a request may take. */
export function noAnswer(ms: number, key: string | undefined): LockBackendError {
  const advice = "is it running and reachable? the client's 'error' event may tell";
  return new LockBackendError(`redis did not answer within ${Math.round(ms)} ms: ${advice}`, {
    key,
    retryable: true,
    ambiguous: true,
  });
}

/** An answer that no version of our scripts gives. It may repeat what is stored. */
export function unreadable(answer: unknown): LockBackendError {
  return new LockBackendError(`redis gave an answer that cannot be understood: ${show(answer)}`, {
    retryable: false,
    ambiguous: true,
  });
}
