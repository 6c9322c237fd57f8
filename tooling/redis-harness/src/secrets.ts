import { inspect } from "node:util";

/** With digits and capitals: unlike the words and numbers that a message may show. */
export const SECRET = "S3cret-Hunter2-pA55";

/** Values that hold the secret, in the ways in which programs come to pass one where it does not belong. */
export function planted(): readonly (readonly [kind: string, value: unknown])[] {
  class Settings {
    readonly password = SECRET;
  }
  const itself: Record<string, unknown> = { password: SECRET };
  itself.itself = itself;
  return [
    ["a text", SECRET],
    ["a url", `redis://me:${SECRET}@host:6379`],
    ["an object", { password: SECRET }],
    ["an object in an object", { redis: { options: { password: SECRET } } }],
    ["an object that is in itself", itself],
    ["an object without a prototype", Object.assign(Object.create(null), { password: SECRET })],
    ["an instance", new Settings()],
    ["an array", [SECRET, { password: SECRET }]],
    ["a map", new Map([["password", SECRET]])],
    ["a function", Object.assign(() => undefined, { password: SECRET })],
    ["a symbol", Symbol(SECRET)],
    ["a buffer", Buffer.from(SECRET)],
    ["an error", Object.assign(new Error(SECRET), { password: SECRET })],
    ["what shows itself", { toString: () => SECRET, toJSON: () => SECRET, [inspect.custom]: () => SECRET }],
    [
      "what cannot be looked at",
      new Proxy(
        { password: SECRET },
        {
          get: () => {
            throw new Error("not to be looked at");
          },
        },
      ),
    ],
  ];
}

/** All texts by which logs, terminals and JSON may show a value; of errors also what is beside the message. */
export function textsOf(value: unknown): string[] {
  const isError = value instanceof Error;
  const texts = [inspect(value, { depth: 10, showHidden: isError }), jsonOf(value)];
  if (!isError) return texts;
  const { message, stack, cause, errors } = value as Error & { readonly errors?: unknown };
  const others = Object.values(value).filter((other) => other !== cause);
  const nested = [cause, ...(Array.isArray(errors) ? errors : [])].filter((one) => one !== undefined);
  return [...texts, String(value), message, stack ?? "", ...[...others, ...nested].flatMap(textsOf)];
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    // In a circle: not JSON.
    return "";
  }
}

/** Runs something, and resolves with all that it may show: its result or error, and the warnings of the process. */
export async function shownBy(work: () => unknown): Promise<string[]> {
  const warnings: Error[] = [];
  const hear = (warning: Error) => warnings.push(warning);
  process.on("warning", hear);
  const told = await Promise.resolve()
    .then(work)
    .catch((error: unknown) => error);
  // A warning is told in a later turn.
  await new Promise((resolve) => setImmediate(resolve));
  process.off("warning", hear);
  return [told, ...warnings].flatMap(textsOf);
}

/** Where texts show the secret, and what stands around it. */
export function leaksIn(texts: readonly string[]): string[] {
  return texts
    .filter((text) => text.includes(SECRET))
    .map((text) => text.slice(Math.max(0, text.indexOf(SECRET) - 120), text.indexOf(SECRET) + 40));
}
