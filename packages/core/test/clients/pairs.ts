/** A client library, as `contender.mjs` knows it. */
export type ClientName = "ioredis 5" | "ioredis 6" | "iovalkey" | "node-redis 5" | "node-redis 6";

/** A client, and an option of it that touches connections, queues, retries, timeouts or types. */
export interface Pair {
  readonly client: ClientName;
  readonly option: string;
  /** Undefined: the options say where the server is. */
  readonly url: string | undefined;
  /** As `contender.mjs` revives them. */
  readonly options: Readonly<Record<string, unknown>>;
  /** A method of the client of node-redis by which the one that is used is derived. */
  readonly by?: { readonly method: string; readonly args: readonly unknown[] } | undefined;
}

/** Where the server is, and a user of it besides the default one. */
export interface Place {
  readonly host: string;
  readonly port: number;
  readonly socket: string;
}

export const USER = { username: "locker", password: "secret" };

type Setting = Omit<Pair, "client" | "option" | "url"> & { readonly url?: string | undefined };
type Settings = Readonly<Record<string, Setting | Pair["options"]>>;

const gives = (value: unknown) => ({ $gives: value });
const buffer = { $global: "Buffer" };
const string = { $global: "String" };
/** RESP type codes of node-redis. */
const BLOB = 36;
const SIMPLE = 43;
const NUMBER = 58;

/** What is tried with every library of the kind: what was found to matter. */
const EVERY_IOREDIS: Settings = {
  "no option": {},
  "enableOfflineQueue: false": { enableOfflineQueue: false },
  "lazyConnect, no offline queue": { lazyConnect: true, enableOfflineQueue: false },
  keyPrefix: { keyPrefix: "app:" },
  "commandTimeout: 300": { commandTimeout: 300 },
  "socketTimeout: 800": { socketTimeout: 800 },
  "maxRetriesPerRequest: 0": { maxRetriesPerRequest: 0 },
  "retryStrategy gives up": { retryStrategy: gives(null) },
  "stringNumbers: true": { stringNumbers: true },
};

const IOREDIS_5: Settings = {
  "enableAutoPipelining: true": { enableAutoPipelining: true },
  "autoResubscribe: false": { autoResubscribe: false },
};

const IOREDIS_6: Settings = {
  ...IOREDIS_5,
  "lazyConnect: true": { lazyConnect: true },
  "maxRetriesPerRequest: null": { maxRetriesPerRequest: null },
  "maxRetriesPerRequest: 1": { maxRetriesPerRequest: 1 },
  "autoResendUnfulfilledCommands: false": { autoResendUnfulfilledCommands: false },
  "retryStrategy at once": { retryStrategy: gives(1) },
  "reconnectOnError says yes": { reconnectOnError: gives(true) },
  "enableReadyCheck: false": { enableReadyCheck: false },
  "db: 1": { db: 1 },
  "readOnly: true": { readOnly: true },
  "maxLoadingRetryTime: 0": { maxLoadingRetryTime: 0 },
  "protocol: 2": { protocol: 2 },
  "blockingTimeout: 300": { blockingTimeout: 300 },
  "names and the socket": {
    connectionName: "billing",
    disableClientInfo: true,
    connectTimeout: 1_000,
    noDelay: false,
    keepAlive: 1_000,
    showFriendlyErrorStack: true,
  },
  "prefix, pipelining and database": { keyPrefix: "app:", enableAutoPipelining: true, db: 1 },
  "all that gives up early": {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: gives(null),
    commandTimeout: 300,
    autoResendUnfulfilledCommands: false,
  },
};

const EVERY_NODE_REDIS: Settings = {
  "no option": {},
  "disableOfflineQueue: true": { disableOfflineQueue: true },
  "pingInterval: 100": { pingInterval: 100 },
  "socketTimeout: 800": { socket: { socketTimeout: 800 } },
  "reconnectStrategy: false": { socket: { reconnectStrategy: false, connectTimeout: 30_000 } },
  "commandsQueueMaxLength: 10": { commandsQueueMaxLength: 10 },
  "database: 1": { database: 1 },
  "texts as Buffers": { commandOptions: { typeMapping: { [BLOB]: buffer, [SIMPLE]: buffer } } },
  "withTypeMapping to Buffers": {
    options: {},
    by: { method: "withTypeMapping", args: [{ [BLOB]: buffer, [NUMBER]: string }] },
  },
};

const NODE_REDIS_5: Settings = {
  "RESP: 3": { RESP: 3 },
};

const NODE_REDIS_6: Settings = {
  "RESP: 2": { RESP: 2 },
  "names and the socket": {
    name: "billing",
    disableClientInfo: true,
    socket: { connectTimeout: 1_000, keepAlive: false, noDelay: false },
  },
  "numbers as texts": { commandOptions: { typeMapping: { [NUMBER]: string } } },
  "command timeout of 300": { commandOptions: { timeout: 300 } },
  keyPrefix: { keyPrefix: "app:" },
  asap: { commandOptions: { asap: true } },
  "reconnectStrategy gives 1": { socket: { reconnectStrategy: gives(1) } },
  "maintNotifications: disabled": { maintNotifications: "disabled" },
  clientSideCache: { RESP: 3, clientSideCache: { ttl: 0, maxEntries: 0, evictPolicy: "LRU" } },
  "all that gives up early": {
    disableOfflineQueue: true,
    commandsQueueMaxLength: 10,
    commandOptions: { timeout: 300 },
    socket: { reconnectStrategy: false, socketTimeout: 800, connectTimeout: 30_000 },
  },
};

/** All pairs that have to work. */
export function pairsOf({ host, port, socket }: Place): Pair[] {
  const url = `redis://${host}:${port}`;
  const userUrl = `redis://${USER.username}:${USER.password}@${host}:${port}`;
  const users: Settings = {
    "user in the url": { url: userUrl, options: {} },
    "username and password": { ...USER },
  };
  const places: Settings = {
    "host and port": { url: undefined, options: { host, port } },
    "a Unix socket": { url: undefined, options: { path: socket } },
  };
  const sockets: Settings = {
    "host and port": { url: undefined, options: { socket: { host, port } } },
    "a Unix socket": { url: undefined, options: { socket: { path: socket } } },
  };
  return [
    ...pairs("ioredis 5", url, { ...EVERY_IOREDIS, ...IOREDIS_5 }),
    ...pairs("ioredis 6", url, { ...EVERY_IOREDIS, ...IOREDIS_6, ...users, ...places }),
    ...pairs("iovalkey", url, EVERY_IOREDIS),
    ...pairs("node-redis 5", url, { ...EVERY_NODE_REDIS, ...NODE_REDIS_5 }),
    ...pairs("node-redis 6", url, { ...EVERY_NODE_REDIS, ...NODE_REDIS_6, ...users, ...sockets }),
  ];
}

function pairs(client: ClientName, url: string, settings: Settings): Pair[] {
  return Object.entries(settings).map(([option, setting]) =>
    isSetting(setting) ? { url, ...setting, client, option } : { client, option, url, options: setting },
  );
}

function isSetting(setting: Settings[string]): setting is Setting {
  return "options" in setting;
}
