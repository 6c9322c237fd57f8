import { InvalidArgumentError } from "commander";

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a text such as 500ms, 1.5s, 5m, 2h or 0. A number without a unit is refused: programs differ in it. */
export function readDuration(text: string): number {
  const [, digits, unit = ""] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/.exec(text) ?? [];
  if (text === "0") return 0;
  if (digits === undefined) {
    throw new InvalidArgumentError("It must be a duration with a unit, such as 500ms, 30s, 5m or 1h.");
  }
  return Math.round(Number(digits) * (UNITS[unit] ?? 1));
}

/** A duration, or "forever". */
export function readWait(text: string): number | "forever" {
  if (text === "forever") return text;
  try {
    return readDuration(text);
  } catch {
    throw new InvalidArgumentError(
      'It must be a duration such as 500ms, 30s or 5m, 0 (one attempt), or "forever".',
    );
  }
}

/** Reads a whole number in a range. */
export function readWhole(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = /^\d{1,9}$/.test(text) ? Number(text) : -1;
    if (number >= least && number <= most) return number;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

/** A duration in at most six columns, such as 350ms, 12.4s, 5m03s, 2h14m or 12d. */
export function showDuration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))}ms`;
  if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)}s`;
  const seconds = Math.floor(ms / 1_000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${two(seconds % 60)}s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h${two(minutes % 60)}m` : `${Math.floor(hours / 24)}d`;
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}
