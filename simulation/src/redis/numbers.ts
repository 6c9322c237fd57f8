import { CommandError } from "./reply.ts";

const NOT_AN_INTEGER = "ERR value is not an integer or out of range";
const NOT_A_FLOAT = "ERR value is not a valid float";
const INTEGER = /^(0|-?[1-9]\d*)$/;

/** @throws CommandError */
export function integer(text: string, otherwise = NOT_AN_INTEGER): number {
  if (!INTEGER.test(text) || !isInRange(text)) throw new CommandError(otherwise);
  return Number(text);
}

/** Whether 64 bits hold it. */
function isInRange(digits: string): boolean {
  return digits.length < 19 || BigInt.asIntN(64, BigInt(digits)) === BigInt(digits);
}

/** A number as `strtod` reads it. @throws CommandError */
export function float(text: string, otherwise = NOT_A_FLOAT): number {
  const value = readFloat(text);
  if (value === undefined) throw new CommandError(otherwise);
  return value;
}

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const ENDLESS = /^([+-]?)inf(inity)?$/i;

const HEXADECIMAL = /^([+-]?)(0x[\da-f]+)$/i;

function readFloat(text: string): number | undefined {
  const [, sign] = ENDLESS.exec(text) ?? [];
  if (sign !== undefined) return sign === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const [, minus, digits] = HEXADECIMAL.exec(text) ?? [];
  if (digits !== undefined) return minus === "-" ? -Number(digits) : Number(digits);
  return DECIMAL.test(text) ? Number(text) : undefined;
}

/** A score as Redis answers it, and a number as its Lua passes it to a command: C's "%.17g". */
export function writeNumber(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "inf";
  if (value === Number.NEGATIVE_INFINITY) return "-inf";
  if (Number.isNaN(value)) return "nan";
  if (Number.isInteger(value) && Math.abs(value) < 1e17) return Object.is(value, -0) ? "-0" : String(value);
  const [digits = "", exponent = "0"] = value.toExponential(16).split("e");
  const power = Number(exponent);
  if (power < -4 || power >= 17) {
    const sign = power < 0 ? "-" : "+";
    return `${withoutZeros(digits)}e${sign}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  return withoutZeros(value.toFixed(Math.min(100, 16 - power)));
}

function withoutZeros(digits: string): string {
  return digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits;
}

/** The end of a range of scores, such as "5", "(5" or "-inf". */
export interface ScoreLimit {
  readonly score: number;
  readonly isExclusive: boolean;
}

/** @throws CommandError */
export function scoreLimit(text: string): ScoreLimit {
  const isExclusive = text.startsWith("(");
  const number = isExclusive ? text.slice(1) : text;
  // Nothing is zero here, as it is to C.
  const score = number === "" ? 0 : float(number, "ERR min or max is not a float");
  return { score, isExclusive };
}
