/** Waits for work, but no longer than that many milliseconds. Undefined: it takes longer. @throws what the work throws */
export async function within<T>(
  limit: number,
  work: Promise<T>,
): Promise<{ readonly result: T } | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), limit);
  });
  try {
    return await Promise.race([work.then((result) => ({ result })), over]);
  } finally {
    clearTimeout(timer);
  }
}
