/** What a suite needs from a test runner: vitest, node:test and jest all have it. */
export interface TestApi {
  describe(name: string, body: () => void): unknown;
  it(name: string, body: () => Promise<void>): unknown;
}

/** Defines a test on something that is opened for it, and closed after it whatever happens. */
export type Test<Opened> = (title: string, body: (opened: Opened) => Promise<void>) => void;

/** How a suite defines its tests. */
export function testsOn<Opened extends { close(): Promise<void> }>(
  api: TestApi,
  open: () => Promise<Opened>,
): Test<Opened> {
  return (title, body) => {
    api.it(title, async () => {
      const opened = await open();
      try {
        await body(opened);
      } finally {
        await opened.close();
      }
    });
  };
}

/**
 * Asks again until the answer is not undefined.
 * @throws Error when it still is after `ms`
 */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  ms = 10_000,
): Promise<T> {
  const start = performance.now();
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    const waited = performance.now() - start;
    if (waited > ms) throw new Error(`not within ${ms} ms: ${what}`);
    // What takes long need not be seen at once: questions keep the machine busy.
    await new Promise((resume) => setTimeout(resume, Math.min(50, 5 + waited / 10)));
  }
}
