/** Starts `count` of them. If one does not start, none stays. */
export async function together<T extends { stop(): Promise<void> }>(
  count: number,
  start: (index: number) => Promise<T>,
): Promise<T[]> {
  const starts = await Promise.allSettled(Array.from({ length: count }, (_, index) => start(index)));
  const started = starts.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  const failure = starts.find((each) => each.status === "rejected");
  if (failure === undefined) return started;
  await stopAll(started);
  throw failure.reason;
}

export async function stopAll(servers: readonly { stop(): Promise<void> }[]): Promise<void> {
  await Promise.all(servers.map((server) => server.stop()));
}
