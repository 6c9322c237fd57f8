import { LockUsageError } from "../contract/errors.ts";
import { showChoice } from "../contract/show.ts";

/** Where variables are read from, such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Says what is wrong with a variable. The value is part of the message only where it cannot be a secret. */
export function wrong(variable: string, allowed: string, given: string): LockUsageError {
  return new LockUsageError(`${variable} must be ${allowed}, got ${given}`);
}

/** The value of a variable without the white space around it; one that is empty says nothing. */
export function textOf(env: Environment, variable: string): string | undefined {
  return env[variable]?.trim() || undefined;
}

/** @throws LockUsageError */
export function readWhole(
  env: Environment,
  variable: string,
  least: number,
  most: number,
  unit = "",
): number | undefined {
  const text = textOf(env, variable);
  if (text === undefined) return undefined;
  const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw wrong(variable, `a whole number${unit} from ${least} to ${most}`, showChoice(text));
}

/** @throws LockUsageError */
export function readFlag(env: Environment, variable: string): boolean | undefined {
  const text = textOf(env, variable);
  if (text === undefined) return undefined;
  if (text === "true" || text === "false") return text === "true";
  throw wrong(variable, "true or false", showChoice(text));
}
