/** What the system says of connections and names. */
const CODES =
  /\b(ECONN(REFUSED|RESET|ABORTED)|EPIPE|ETIMEDOUT|E(HOST|NET)(UNREACH|DOWN)|EADDRNOTAVAIL|ENOTCONN|ENOTFOUND|EAI_AGAIN|ERR_STREAM_\w+|ERR_SOCKET_CLOSED)\b/;

/** What ioredis 5 and 6, iovalkey and node-redis 5 and 6 reject commands with that a lost connection ends. */
const SAYINGS = [
  // ioredis and iovalkey, and what they say of a cluster
  /max retries per request/i,
  /stream isn't writeable/i,
  /command timed out/i,
  /socket timeout/i,
  /command aborted due to connection close/i,
  /ready check failed/i,
  /none of startup nodes/i,
  /failed to refresh slots/i,
  /cluster is(n't ready| disconnect)/i,
  /node is disconnected/i,
  /too many cluster redirections/i,
  /sentinels are unreachable/i,
  // node-redis, its cluster and its Sentinel
  /socket closed unexpectedly/i,
  /connection timeout/i,
  /the client is offline/i,
  /disconnects client/i,
  /the command was aborted/i,
  /(socket|command) timeout during maintenance/i,
  /root nodes are unavailable/i,
  /cannot find node/i,
  /no valid master node|none of the sentinels|any sentinel|master node not enumerated/i,
  /the queue is full/i,
  // Node, and our drivers
  /socket hang up|other side closed|socket disconnected before/i,
  /connection to a server was lost/i,
];

/** What clients say of a command that they did not send: they have no connection, and were told not to queue. */
const UNSENT = /stream isn't writeable and enableOfflineQueue|the client is offline/i;

/** Whether the fault is that of a connection, which will be made again: by what it says, or what it came of. */
export function isLostConnection(error: Error): boolean {
  const { message, cause } = error;
  const text = `${message} ${String((error as NodeJS.ErrnoException).code)}`;
  if (CODES.test(text) || SAYINGS.some((saying) => saying.test(text))) return true;
  return cause instanceof Error && isLostConnection(cause);
}

/** Whether the command surely was not sent. */
export function wasNotSent(message: string): boolean {
  return UNSENT.test(message);
}
