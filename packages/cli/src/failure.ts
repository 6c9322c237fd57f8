import { isLockError, type LockErrorCode } from "@lock/core";
import { withoutSecrets } from "@lock/core/adapter";
import { EXIT } from "./exit-codes.ts";
import { jsonLine } from "./output/json.ts";
import { oneLine } from "./output/printable.ts";

export type FailureCode =
  | LockErrorCode
  | "LOCK_BUSY"
  | "LOCK_INTERRUPTED"
  | "LOCK_NOT_HELD"
  | "LOCK_INTERNAL";

/** Ends the program with one line and an exit code. */
export class Failure extends Error {
  constructor(
    message: string,
    readonly exitCode: number,
    readonly code: FailureCode,
  ) {
    super(message);
  }
}

/** Wrong arguments or a wrong environment: nothing was done. */
export function usage(message: string): Failure {
  return new Failure(message, EXIT.usage, "LOCK_USAGE");
}

const EXIT_CODES: Readonly<Record<LockErrorCode, number>> = {
  LOCK_USAGE: EXIT.usage,
  LOCK_TIMEOUT: EXIT.timeout,
  LOCK_OVERLOADED: EXIT.timeout,
  LOCK_LOST: EXIT.lost,
  LOCK_BACKEND: EXIT.backend,
  LOCK_QUORUM: EXIT.backend,
};

/** Any fault as one: the faults that nobody expects as well, without their stack. */
export function asFailure(fault: unknown): Failure {
  if (fault instanceof Failure) return fault;
  if (isLockError(fault)) return new Failure(fault.message, EXIT_CODES[fault.code], fault.code);
  return new Failure(`unexpected: ${withoutSecrets(fault).message}`, EXIT.internal, "LOCK_INTERNAL");
}

/** Prints it as one line on stderr. */
export function printFailure({ message, code, exitCode }: Failure, json: boolean): void {
  const line = json ? jsonLine({ error: { code, exitCode, message } }) : `lock: ${oneLine(message)}`;
  process.stderr.write(`${line}\n`);
}
