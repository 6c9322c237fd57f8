// Wrong calls as plain JavaScript makes them: no compiler has seen this file.

/**
 * What each is called, what it does, and what its error must say: what was given, what is allowed, and the nearest name
 * where there is one. `on` has locks on a backend in this process, and clients that were never connected.
 */
export const wrongCalls = [
  // createLocks
  ["createLocks()", (on) => on.createLocks(), ["needs an object such as", "got undefined"]],
  [
    "createLocks(client)",
    (on) => on.createLocks(on.ioredis),
    ["got an ioredis client: pass createLocks({ backend: ioredisBackend(client) })"],
  ],
  [
    "createLocks(backend)",
    (on) => on.createLocks(on.backend),
    ["got a lock backend: pass createLocks({ backend })"],
  ],
  [
    "createLocks({ client })",
    (on) => on.createLocks({ client: on.ioredis }),
    ["has no option 'client', perhaps backend is meant"],
  ],
  [
    "createLocks({ backend: client })",
    (on) => on.createLocks({ backend: on.nodeRedis }),
    ["got a node-redis client: wrap it in nodeRedisBackend(client)"],
  ],
  [
    "createLocks({ backend, timeout })",
    (on) => on.createLocks({ backend: on.backend, timeout: 5 }),
    ["has no option 'timeout', perhaps wait is meant; it has backend, prefix, ttl"],
  ],
  [
    "createLocks({ backend, keyPrefix })",
    (on) => on.createLocks({ backend: on.backend, keyPrefix: "a" }),
    ["perhaps prefix is meant"],
  ],
  [
    "createLocks({ backend, ttl: '30s' })",
    (on) => on.createLocks({ backend: on.backend, ttl: "30s" }),
    ["ttl must be a whole number of milliseconds from 1 to", "got a string of 3 characters"],
  ],
  // backends
  [
    "ioredisBackend()",
    (on) => on.ioredisBackend(),
    ["needs an ioredis client (new Redis(url)), got undefined"],
  ],
  ["ioredisBackend(url)", (on) => on.ioredisBackend("redis://localhost"), ["got a string of 17 characters"]],
  [
    "ioredisBackend(node-redis)",
    (on) => on.ioredisBackend(on.nodeRedis),
    ["got a node-redis client: wrap it in nodeRedisBackend(client)"],
  ],
  [
    "ioredisBackend(client of redis 3)",
    (on) => on.ioredisBackend({ evalsha() {}, duplicate() {}, internal_send_command() {} }),
    ["got a client of redis 3 or older: use redis 5 or 6"],
  ],
  [
    "ioredisBackend(generic pool)",
    (on) => on.ioredisBackend({ acquire() {}, release() {}, drain() {} }),
    ["got a pool of clients: pass one client"],
  ],
  [
    "nodeRedisBackend(pool)",
    (on) => on.nodeRedisBackend(on.nodeRedisPool),
    ["got a pool of node-redis clients: pass one client"],
  ],
  [
    "nodeRedisBackend(client.legacy())",
    (on) => on.nodeRedisBackend(on.nodeRedis.legacy()),
    ["pass the client itself"],
  ],
  [
    "nodeRedisBackend(client, { timeout })",
    (on) => on.nodeRedisBackend(on.nodeRedis, { requestTimout: 5 }),
    ["has no option 'requestTimout', perhaps requestTimeout is meant"],
  ],
  [
    "quorumBackend(a, b, c)",
    (on) => on.quorumBackend(on.backend, on.backend, on.backend),
    ["needs a list of", "got a lock backend"],
  ],
  [
    "quorumBackend([client])",
    (on) => on.quorumBackend([on.ioredis, on.ioredis]),
    ["got an ioredis client: wrap it in ioredisBackend(client)"],
  ],
  // acquire, tryAcquire, using
  ["acquire()", (on) => on.locks.acquire(), ["a key must be a non-empty string, got undefined"]],
  ["acquire(5)", (on) => on.locks.acquire(5), ["a key must be a non-empty string, got 5"]],
  [
    "acquire({ key })",
    (on) => on.locks.acquire({ key: "a" }),
    ["a key must be a non-empty string, got an object"],
  ],
  [
    "acquire(long key)",
    (on) => on.locks.acquire("a".repeat(513)),
    ["at most 512 bytes of UTF-8, got 513", "hash long keys"],
  ],
  [
    "acquire(key, 5000), as of redlock",
    (on) => on.locks.acquire("a", 5_000),
    ["the options of acquire must be an object such as { ttl: 30000, wait: 5000 }, got 5000"],
  ],
  [
    "acquire(key, { timeout })",
    (on) => on.locks.acquire("a", { timeout: 3 }),
    ["acquire has no option 'timeout', perhaps wait is meant; it has ttl, wait, signal"],
  ],
  ["acquire(key, { TTL })", (on) => on.locks.acquire("a", { TTL: 3 }), ["perhaps ttl is meant"]],
  [
    "acquire(key, { retryCount })",
    (on) => on.locks.acquire("a", { retryCount: 3 }),
    ["perhaps retry is meant"],
  ],
  [
    "acquire(key, { retry: { retries } })",
    (on) => on.locks.acquire("a", { retry: { retries: 3 } }),
    ["retry has no option 'retries', perhaps limit is meant"],
  ],
  ["acquire(key, null)", (on) => on.locks.acquire("a", null), ["must be an object", "got null"]],
  [
    "acquire(key, { wait: true })",
    (on) => on.locks.acquire("a", { wait: true }),
    ["wait must be a whole number of milliseconds from 0", "got true"],
  ],
  [
    "acquire(key, { signal: controller })",
    (on) => on.locks.acquire("a", { signal: new AbortController() }),
    ["signal must be an AbortSignal, got an instance of AbortController"],
  ],
  [
    "tryAcquire(key, 'forever')",
    (on) => on.locks.tryAcquire("a", "forever"),
    ["must be an object", "got a string of 7 characters"],
  ],
  ["using(key)", (on) => on.locks.using("a"), ["using needs a function to run, got undefined"]],
  [
    "using(key, function, options)",
    (on) => on.locks.using("a", () => 1, { ttl: 5 }),
    ["got an object: the function comes last"],
  ],
  ["using(key, 5000, function), as of redlock", (on) => on.locks.using("a", 5_000, () => 1), ["got 5000"]],
  // other modes
  [
    "semaphore(key, 5)",
    (on) => on.locks.semaphore("a", 5),
    ["the options of semaphore must be an object such as { permits: 5 }, got 5"],
  ],
  ["semaphore(key, { limit })", (on) => on.locks.semaphore("a", { limit: 5 }), ["perhaps permits is meant"]],
  ["pool(key, { slots })", (on) => on.locks.pool("a", { slots: 5 }), ["perhaps size is meant"]],
  [
    "pool.acquire({ slots })",
    (on) => on.locks.pool("a", { size: 2 }).acquire({ slots: 1 }),
    ["perhaps slot is meant"],
  ],
  ["readWrite(key).read.acquire(5000)", (on) => on.locks.readWrite("a").read.acquire(5_000), ["got 5000"]],
  // looking and intervening
  [
    "list(pattern)",
    async (on) => on.locks.list("a:*").next(),
    ['must be an object such as { match: "report:*" }, got a string'],
  ],
  [
    "forceRelease(key, token)",
    (on) => on.locks.forceRelease("a", "token"),
    ["must be an object such as { token:", "got a string of 5 characters"],
  ],
  [
    "inspect([key])",
    (on) => on.locks.inspect(["a"]),
    ["a key must be a non-empty string, got an array of 1"],
  ],
  [
    "on(unknown event)",
    (on) => on.locks.on("aquired", () => 1),
    ["there is no event 'aquired', perhaps acquired is meant; there are"],
  ],
  ["on(event)", (on) => on.locks.on("lost"), ["a listener must be a function, got undefined"]],
  ["adopt(text)", (on) => on.locks.adopt("ticket"), ["ticket", "got a string of 6 characters"]],
  [
    "checkHealth(client)",
    (on) => on.checkHealth(on.ioredis),
    ["got an ioredis client: wrap it in ioredisBackend(client)"],
  ],
  [
    "checkHealth(backend, { maxping })",
    (on) => on.checkHealth(on.backend, { maxping: 5 }),
    ["perhaps maxPing is meant"],
  ],
  [
    "readRedisEnv(url)",
    (on) => on.readRedisEnv("redis://localhost"),
    ["needs an object such as process.env, got a string"],
  ],
  // adapters
  [
    "lockRoute()",
    (on) => on.lockRoute(),
    ["lockRoute", "locks must be what createLocks returns, got undefined"],
  ],
  [
    "lockRoute(locks)",
    (on) => on.lockRoute(on.locks),
    ["lockRoute needs an object of options, with locks, key; got locks"],
  ],
  [
    "lockRoute({ client })",
    (on) => on.lockRoute({ client: on.ioredis, key: "a" }),
    ["lockRoute has no option 'client', perhaps locks is meant"],
  ],
  [
    "lockRoute({ locks: client })",
    (on) => on.lockRoute({ locks: on.ioredis, key: "a" }),
    ["got an ioredis client: pass createLocks({ backend: ioredisBackend(client) })"],
  ],
  ["lockRoute({ keys })", (on) => on.lockRoute({ locks: on.locks, keys: "a" }), ["perhaps key is meant"]],
  [
    "lockRoute(options, 5)",
    (on) => on.lockRoute({ locks: on.locks, key: "a" }, 5),
    ["handler must be a function, got 5"],
  ],
  [
    "lockRoute({ releaseAt: 'end' })",
    (on) => on.lockRoute({ locks: on.locks, key: "a", releaseAt: "end" }),
    ["releaseAt must be 'before-end' or 'after-end' or 'finish', got 'end'"],
  ],
  [
    "idempotent({ locks, records })",
    (on) => on.idempotent({ locks: on.locks, records: {} }),
    ["tenant must be a function, got undefined"],
  ],
  [
    "idempotent({ record })",
    (on) => on.idempotent({ locks: on.locks, record: {}, tenant: () => "a" }),
    ["perhaps records is meant"],
  ],
  ["guardJobs()", (on) => on.guardJobs(), ["locks must be what createLocks returns, got undefined"]],
  [
    "guardJobs({ stategy })",
    (on) => on.guardJobs({ locks: on.locks, stategy: "until-executed", key: () => "a" }),
    ["perhaps strategy is meant"],
  ],
  [
    "guardJobs({ strategy: 'unique' })",
    (on) => on.guardJobs({ locks: on.locks, strategy: "unique", key: () => "a" }),
    ["strategy must be 'until-executing' or", "got 'unique'"],
  ],
  [
    "guard.on(unknown event)",
    (on) =>
      on.guardJobs({ locks: on.locks, strategy: "until-executed", key: () => "a" }).on("duplicates", () => 1),
    ["there is no event 'duplicates', perhaps duplicate is meant"],
  ],
  ["lockMemory(memory)", (on) => on.lockMemory({ get() {} }), ["lockMemory"]],
  [
    "lockMemory(memory, { lock })",
    (on) => on.lockMemory({ get() {} }, { lock: on.locks }),
    ["lockMemory has no option 'lock', perhaps locks is meant"],
  ],
];
