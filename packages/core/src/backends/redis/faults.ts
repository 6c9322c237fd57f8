import { LockBackendError } from "../../errors.ts";
import { redacted } from "../../show.ts";

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
    "the ACL user lacks rights: it needs ~<prefix>:* &<prefix>:* +eval +evalsha +get +set +del +exists +type " +
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
} as const;

const CODE = new RegExp(`\\b(${[...Object.keys(PASSING), ...Object.keys(LASTING)].join("|")})\\b`);
/** Redis 7 says this in a script where a command's right is missing. */
const SCRIPT_PERMISSION = /can't run this command|can't access (at least )?one of the keys/i;
/** What clients say when they were closed for good, by their owner or by their own timeout. */
const CLOSED = /client is closed|connection is closed|the client was destroyed/i;

/** What clients say of a command that they did not send: they have no connection, and were told not to queue. */
const UNSENT = /stream isn't writeable and enableOfflineQueue|the client is offline/i;

/** An error of a client without what must not be logged: credentials in addresses, and command arguments. */
function withoutSecrets(error: unknown): Error {
  const { message, name, stack } = error instanceof Error ? error : new Error(String(error));
  const copy = new Error(redacted(message));
  copy.name = name;
  if (stack !== undefined) copy.stack = redacted(stack);
  return copy;
}

/** How the scripts say that a counter of fencing tokens was written by no lock. */
const FENCE = "LOCKFENCE";

function codeOf(message: string): keyof typeof PASSING | keyof typeof LASTING | undefined {
  if (SCRIPT_PERMISSION.test(message)) return "NOPERM";
  return CODE.exec(message)?.[1] as keyof typeof PASSING | keyof typeof LASTING | undefined;
}

/**
 * What a client or the server said, as a typed error with advice. What is not a known reply of the server is
 * taken as a lost connection: whether the command was executed is then not known.
 */
export function backendError(error: unknown, key: string | undefined): LockBackendError {
  const cause = withoutSecrets(error);
  if (cause.message.includes(FENCE)) return wrongCounter(key);
  const code = codeOf(cause.message);
  if (code === undefined) {
    const closed = CLOSED.test(cause.message);
    const advice = closed ? "; connect the client before use, and close it only after the locks" : "";
    const text = `redis could not be asked: ${cause.message}${advice}`;
    return new LockBackendError(text, {
      key,
      cause,
      retryable: !closed,
      ambiguous: !UNSENT.test(cause.message),
    });
  }
  const retryable = code in PASSING;
  const text = `redis refused (${code}): ${{ ...PASSING, ...LASTING }[code]}`;
  return new LockBackendError(text, { key, cause, retryable, ambiguous: false });
}

function wrongCounter(key = ""): LockBackendError {
  const text =
    `the counter of fencing tokens of ${JSON.stringify(key)} (its Redis key ends in ":fence") held no number that can ` +
    "grow, which no lock writes. It counts from the server's clock now: find the program that wrote it, and compare with " +
    "the tokens in your stores";
  process.emitWarning(text, "LockWarning");
  return new LockBackendError(text, { key, retryable: true, ambiguous: false });
}

/** No answer within the time that a request may take. */
export function noAnswer(ms: number, key: string | undefined): LockBackendError {
  const advice = "is it running and reachable? the client's 'error' event may tell";
  return new LockBackendError(`redis did not answer within ${ms} ms: ${advice}`, {
    key,
    retryable: true,
    ambiguous: true,
  });
}

/** An answer that no version of our scripts gives. */
export function unreadable(answer: unknown): LockBackendError {
  const seen = typeof answer === "string" ? `${JSON.stringify(answer.slice(0, 40))}` : typeof answer;
  return new LockBackendError(`redis gave an answer that cannot be understood: ${seen}`, {
    retryable: false,
    ambiguous: true,
  });
}
