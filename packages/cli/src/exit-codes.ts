/** What the process ends with, beside the code of the command that `lock run` ran. Documented in the README. */
export const EXIT = {
  ok: 0,
  /** What was asked for is not there: nobody holds the key. */
  nothing: 1,
  unhealthy: 2,
  usage: 64,
  backend: 69,
  internal: 70,
  busy: 75,
  timeout: 76,
  lost: 77,
  /** The reader of the output has gone. */
  pipe: 141,
} as const;

const SIGNALS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGTERM: 15 };

/** What a shell says of a process that a signal has ended. */
export function codeOfSignal(signal: NodeJS.Signals, numbers: Readonly<Record<string, number>> = SIGNALS) {
  return 128 + (numbers[signal] ?? 0);
}
