/** Where answers are kept: the port that another store implements. Ids and records are plain text. */
export interface RecordStore {
  /** The record, or null where there is none. */
  read(id: string): Promise<string | null>;
  /** Keeps a record for that many milliseconds, unless there is one already: the first answer counts. */
  write(id: string, record: string, keepFor: number): Promise<void>;
}

/** An ioredis client, 5 or 6, as far as records need it. */
export interface IoredisRecordsClient {
  get(key: string): Promise<string | null>;
  set(key: string, value: string, unit: "PX", ttl: number, condition: "NX"): Promise<unknown>;
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
}

/** Options of records in Redis. */
export interface RecordsOptions {
  /** What their keys begin with. Default "idempotency". */
  readonly prefix?: string;
}

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
  };
}

/** Records in the memory of this process: for tests, and for a service of one process. */
export function inProcessRecords(): RecordStore {
  const kept = new Map<string, { readonly record: string; readonly until: number }>();
  const isOver = (id: string) => (kept.get(id)?.until ?? 0) <= performance.now();
  return {
    read: async (id) => (isOver(id) ? null : (kept.get(id)?.record ?? null)),
    write: async (id, record, keepFor) => {
      for (const other of [...kept.keys()].filter(isOver)) kept.delete(other);
      if (!kept.has(id)) kept.set(id, { record, until: performance.now() + keepFor });
    },
  };
}
