import { DemoError } from "./errors.ts";
import { faultOf } from "./fault.ts";
import { whenParentEnds } from "./parent.ts";

/** What a worker process has of its demo. */
export interface Parent<ToWorker, FromWorker> {
  /** The `argument` that it was started with. */
  readonly argument: unknown;
  /** Aborts when the demo wants this process to end, or has ended itself. */
  readonly stop: AbortSignal;
  send(message: FromWorker & object): void;
  /** The next message. Rejects when `stop` aborts. */
  next(): Promise<ToWorker>;
  /** Hears all messages, for a process that may be sent many at once. */
  onMessage(listener: (message: ToWorker) => void): void;
}

const LAST_WORDS_MS = 1_000;

/** Runs the main function of a process that was started as a `Worker`. */
export async function runWorker<ToWorker, FromWorker>(
  main: (parent: Parent<ToWorker, FromWorker>) => Promise<void>,
): Promise<void> {
  const stopping = new AbortController();
  // Ctrl-C reaches all processes of the terminal: the demo decides what it means and sends SIGTERM.
  for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => undefined);
  process.once("SIGTERM", () => stopping.abort(new Error("the demo is being stopped")));
  whenParentEnds(() => {
    stopping.abort(new Error("the demo has ended"));
    // Only fires if something still keeps this process alive.
    setTimeout(() => process.exit(1), LAST_WORDS_MS).unref();
  });
  try {
    await main(connect(stopping.signal));
  } catch (error) {
    process.exitCode = 1;
    // Being stopped is no failure to tell of.
    if (stopping.signal.aborted) return;
    if (error instanceof DemoError) process.send?.(faultOf(error.message));
    else console.error(error);
  }
}

function connect<ToWorker, FromWorker>(stop: AbortSignal): Parent<ToWorker, FromWorker> {
  return {
    argument: JSON.parse(process.argv[2] ?? "null"),
    stop,
    send: (message) => void (process.connected && process.send?.(message, undefined, {}, () => undefined)),
    next: () => nextMessage<ToWorker>(stop),
    onMessage: (listener) => void process.on("message", (message) => listener(message as ToWorker)),
  };
}

/** For as long as this waits, the process stays alive. */
function nextMessage<ToWorker>(stop: AbortSignal): Promise<ToWorker> {
  process.channel?.ref();
  const over = new AbortController();
  return new Promise<ToWorker>((resolve, reject) => {
    stop.throwIfAborted();
    stop.addEventListener("abort", () => reject(stop.reason), { once: true, signal: over.signal });
    // Both ends of the channel are ours, with the same types.
    process.once("message", (message) => resolve(message as ToWorker));
  }).finally(() => {
    over.abort();
    process.channel?.unref();
  });
}
