/** Calls back when the process that forked this one has ended, in whatever way. Keeps nothing alive. */
export function whenParentEnds(callback: () => void): void {
  // The kernel closes the channel also for a parent that was SIGKILLed.
  process.once("disconnect", callback);
  process.channel?.unref();
}
