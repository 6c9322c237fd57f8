/** Where answers are kept: the port that another store implements. Ids and records are plain text. */
export interface RecordStore {
  /** The record, or null where there is none. */
  read(id: string): Promise<string | null>;
  /** Keeps a record for that many milliseconds, unless there is one already: the first answer counts. */
  write(id: string, record: string, keepFor: number): Promise<void>;
  /**
   * Puts a record in the place of `old`, or takes `old` away where it is null, in one step; false where another record,
   * or none, is there by now. Needed for `onAbandoned: "refuse"` and for `settleIdempotent`.
   */
  replace?(id: string, old: string, record: string | null, keepFor: number): Promise<boolean>;
}

/** An ioredis client, 5 or 6, as far as records need it. */
export interface IoredisRecordsClient {
  get(key: string): Promise<string | null>;
  set(key: string, value: string, unit: "PX", ttl: number, condition: "NX"): Promise<unknown>;
  eval(script: string, keyCount: number, key: string, ...args: string[]): Promise<unknown>;
}

/** A node-redis client, 5 or 6, as far as records need it. */
export interface NodeRedisRecordsClient {
  get(key: string): Promise<unknown>;
  set(
    key: string,
    value: string,
    options: {
      readonly expiration: { readonly type: "PX"; readonly value: number };
      readonly condition: "NX";
    },
  ): Promise<unknown>;
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
}

/** Options of records in Redis. */
export interface RecordsOptions {
  /** What their keys begin with. Default "idempotency". */
  readonly prefix?: string;
}

/** Compares, and sets or deletes. */
const REPLACE = `if redis.call("GET", KEYS[1]) ~= ARGV[1] then return 0 end
if #ARGV == 1 then redis.call("DEL", KEYS[1]) else redis.call("SET", KEYS[1], ARGV[2], "PX", ARGV[3]) end
return 1`;

const replaceArgs = (old: string, record: string | null, keepFor: number) =>
  record === null ? [old] : [old, record, String(keepFor)];

/** Records in Redis, through ioredis. */
export function ioredisRecords(
  client: IoredisRecordsClient,
  { prefix = "idempotency" }: RecordsOptions = {},
): RecordStore {
  return {
    read: (id) => client.get(`${prefix}:${id}`),
    write: async (id, record, keepFor) => {
      await client.set(`${prefix}:${id}`, record, "PX", keepFor, "NX");
    },
    replace: async (id, old, record, keepFor) =>
      (await client.eval(REPLACE, 1, `${prefix}:${id}`, ...replaceArgs(old, record, keepFor))) === 1,
  };
}

/** Records in Redis, through node-redis. */
export function nodeRedisRecords(
  client: NodeRedisRecordsClient,
  { prefix = "idempotency" }: RecordsOptions = {},
): RecordStore {
  return {
    read: async (id) => {
      const record = await client.get(`${prefix}:${id}`);
      return record === null ? null : String(record);
    },
    write: async (id, record, value) => {
      await client.set(`${prefix}:${id}`, record, { expiration: { type: "PX", value }, condition: "NX" });
    },
    replace: async (id, old, record, keepFor) => {
      const args = { keys: [`${prefix}:${id}`], arguments: replaceArgs(old, record, keepFor) };
      return Number(await client.eval(REPLACE, args)) === 1;
    },
  };
}

/** Records in the memory of this process: for tests, and for a service of one process. */
export function inProcessRecords(): RecordStore {
  const kept = new Map<string, { readonly record: string; readonly until: number }>();
  const find = (id: string) => {
    const found = kept.get(id);
    return found === undefined || found.until <= performance.now() ? null : found.record;
  };
  const put = (id: string, record: string, keepFor: number) => {
    for (const other of [...kept.keys()]) if (find(other) === null) kept.delete(other);
    kept.set(id, { record, until: performance.now() + keepFor });
  };
  return {
    read: async (id) => find(id),
    write: async (id, record, keepFor) => {
      if (find(id) === null) put(id, record, keepFor);
    },
    replace: async (id, old, record, keepFor) => {
      if (find(id) !== old) return false;
      if (record === null) kept.delete(id);
      else put(id, record, keepFor);
      return true;
    },
  };
}
