import { CommandError, type Reply } from "../reply.ts";
import type { CommandTable, Scope } from "./types.ts";

export const hashCommands: CommandTable = {
  HGET: {
    arity: 3,
    keys: [0, 0],
    run: ({ keys }, [key = "", field = ""]) => keys.find(key, "hash")?.fields.get(field) ?? null,
  },
  HMGET: {
    arity: -3,
    keys: [0, 0],
    run({ keys }, [key = "", ...fields]) {
      const hash = keys.find(key, "hash")?.fields;
      return fields.map((field) => hash?.get(field) ?? null);
    },
  },
  HGETALL: {
    arity: 2,
    keys: [0, 0],
    run: ({ keys }, [key = ""]) => [...(keys.find(key, "hash")?.fields ?? [])].flat(),
  },
  HSET: { arity: -4, writes: "may grow", keys: [0, 0], run: hset },
  HDEL: {
    arity: -3,
    writes: "frees",
    keys: [0, 0],
    run({ keys }, [key = "", ...fields]) {
      const hash = keys.find(key, "hash")?.fields;
      const count = fields.filter((field) => hash?.delete(field)).length;
      keys.deleteIfEmpty(key);
      return count;
    },
  },
};

function hset({ keys }: Scope, [key = "", ...words]: readonly string[]): Reply {
  if (words.length % 2 === 1) throw new CommandError("ERR wrong number of arguments for 'hset' command");
  const { fields } = keys.findOrMake(key, "hash");
  let added = 0;
  for (let i = 0; i < words.length; i += 2) {
    const [field = "", value = ""] = words.slice(i, i + 2);
    if (!fields.has(field)) added += 1;
    fields.set(field, value);
  }
  return added;
}
