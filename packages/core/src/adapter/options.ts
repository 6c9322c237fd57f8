import { LockUsageError } from "../contract/errors.ts";
import { isRecord, unknownOption } from "../contract/option-names.ts";
import { madeBy, quoted, show, showChoice, showForLocks, showNamed } from "../contract/show.ts";

const LOCKS = "what createLocks returns";

/** What options may be, by how a message says it. */
const KINDS: Readonly<Record<string, (value: unknown) => boolean>> = {
  "a function": (value) => typeof value === "function",
  "a string": (value) => typeof value === "string",
  "a list of strings": Array.isArray,
  "an object": isObject,
  [LOCKS]: (value) => typeof Object(value).acquire === "function",
  "true or false": (value) => typeof value === "boolean",
  "a number from 0 to 1": (value) => typeof value === "number" && value >= 0 && value <= 1,
  "a whole number from 0": (value) => isCount(value),
  "a whole number from 1": (value) => isCount(value) && value > 0,
};

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/**
 * What is allowed, by option: kinds of values ("a function", "a string", "a list of strings", "an object", "what
 * createLocks returns", "true or false", "a number from 0 to 1", "a whole number from 0", "a whole number from 1"), or
 * the values themselves.
 */
export type AllowedOptions = Readonly<Record<string, readonly unknown[]>>;

/**
 * Refuses options of an adapter that are missing, wrong or unknown, before anything is done with them. `name` is what
 * the user called.
 * @throws LockUsageError that says what was given and what is allowed
 */
export function checkOptions(
  name: string,
  options: unknown,
  allowed: AllowedOptions,
  required: readonly string[],
): void {
  if (options !== undefined && (!isRecord(options) || madeBy(options) !== undefined)) {
    throw new LockUsageError(
      `${name} needs an object of options, with ${required.join(", ")}; got ${show(options)}`,
    );
  }
  const given = new Map<string, unknown>(Object.entries(Object(options)));
  for (const option of required) given.set(option, given.get(option));
  for (const [option, value] of given) {
    const rule = allowed[option];
    if (rule === undefined) {
      throw unknownOption(name, option, Object.keys(allowed));
    }
    if (value === undefined && !required.includes(option)) continue;
    if (!rule.some((one) => kindOf(one)?.(value) ?? one === value)) {
      const may = rule.map((one) => (kindOf(one) === undefined ? quotedChoice(one) : one)).join(" or ");
      throw new LockUsageError(`${name}: ${option} must be ${may}, got ${got(option, rule, value)}`);
    }
  }
}

function quotedChoice(one: unknown): string {
  return typeof one === "string" ? quoted(one) : String(one);
}

function got(option: string, rule: readonly unknown[], value: unknown): string {
  if (rule.includes(LOCKS)) return showForLocks(value);
  const isChoice = rule.some((one) => typeof one === "string" && kindOf(one) === undefined);
  return isChoice ? showChoice(value) : showNamed(option, value);
}

function kindOf(one: unknown): ((value: unknown) => boolean) | undefined {
  return KINDS[String(one)];
}
