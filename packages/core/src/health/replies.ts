/** What we take from a server and show to people: words and numbers, and nothing that a terminal would act upon. */
const PLAIN = /^[\w.+-]{1,64}$/;

/** Reads the `name:value` lines of INFO; what is not plain is as good as not there. */
export function readInfo(reply: unknown): ReadonlyMap<string, string> {
  const pairs = String(reply ?? "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line.includes(":"))
    .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)] as const);
  return new Map(pairs.filter(([, value]) => PLAIN.test(value)));
}

/** Products by the line of INFO that gives them away. */
const PRODUCTS = [
  [/^os:Amazon ElastiCache/m, "Amazon ElastiCache or MemoryDB"],
  [/^dragonfly_version:/m, "Dragonfly"],
] as const;

export function readProduct(info: unknown): string | undefined {
  return PRODUCTS.find(([line]) => line.test(String(info)))?.[1];
}

/** Reads the answer of CONFIG GET: a list in RESP2, and in RESP3 whatever the client makes of a map. */
export function readConfig(reply: unknown): ReadonlyMap<string, string> {
  if (reply instanceof Map) return new Map([...reply].map(([name, value]) => [String(name), String(value)]));
  if (Array.isArray(reply)) {
    return new Map(
      reply.flatMap((name, index) => (index % 2 === 0 ? [[String(name), String(reply[index + 1])]] : [])),
    );
  }
  return new Map(Object.entries(Object(reply)).map(([name, value]) => [name, String(value)]));
}

/** Milliseconds of the server's clock, by the answer of TIME. */
export function readTime(reply: unknown): number | undefined {
  if (!Array.isArray(reply)) return undefined;
  const ms = Number(reply[0]) * 1_000 + Number(reply[1]) / 1_000;
  return Number.isFinite(ms) && reply.length === 2 ? ms : undefined;
}

export function readNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

export function readWord(text: string | undefined): string | undefined {
  return text !== undefined && PLAIN.test(text) ? text : undefined;
}
