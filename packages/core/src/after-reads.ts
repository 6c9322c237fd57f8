/** Taken when this is loaded: the fake timers of a test runner, which come later, would keep every request for ever. */
const real = setImmediate;

/**
 * Calls back when all sockets that had something to read were served: what their answers ask for joins a batch, and what
 * they bring counts before a time that is over.
 */
export function afterReads(callback: () => void): void {
  real(callback);
}
