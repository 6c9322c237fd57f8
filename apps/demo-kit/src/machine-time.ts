/** Milliseconds on the same clock in every process of a machine: what happened first has the smaller number. */
export function machineTime(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}
