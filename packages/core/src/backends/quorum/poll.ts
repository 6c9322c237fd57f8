import type { Clock } from "../../contract/clock.ts";

/** What became of a question to one node. */
export type Answer<T> =
  | { readonly status: "answered"; readonly value: T }
  | { readonly status: "failed"; readonly error: unknown }
  /** Not asked, since there is nothing to ask of it, or it does not answer anyway. */
  | { readonly status: "unasked" }
  | { readonly status: "pending" };

const UNASKED = { status: "unasked" } as const;
const PENDING = { status: "pending" } as const;

/**
 * Hears the answers of nodes, in whatever order they come: until the matter is decided, all have answered, or `timeout`
 * milliseconds are over. Those that are still pending then go on.
 */
export function poll<T>(
  clock: Clock,
  timeout: number,
  questions: readonly (Promise<T> | undefined)[],
  isDecided: (answers: readonly Answer<T>[]) => boolean = () => false,
): Promise<readonly Answer<T>[]> {
  const answers: Answer<T>[] = questions.map((question) => (question === undefined ? UNASKED : PENDING));
  let pending = countPending(answers);
  if (pending === 0) return Promise.resolve(answers);
  return new Promise((resolve) => {
    const end = () => resolve(answers.slice());
    // After a stall timers come first, although answers may have arrived: they are heard before this.
    const timer = clock.setTimer(() => clock.afterReads(end), timeout, true);
    const hear = (index: number, answer: Answer<T>) => {
      answers[index] = answer;
      pending -= 1;
      if (pending > 0 && !isDecided(answers)) return;
      timer.cancel();
      end();
    };
    for (const [index, question] of questions.entries()) {
      question?.then(
        (value) => hear(index, { status: "answered", value }),
        (error) => hear(index, { status: "failed", error }),
      );
    }
  });
}

/** How many answers are still to come. */
export function countPending(answers: readonly Answer<unknown>[]): number {
  let count = 0;
  for (const { status } of answers) if (status === "pending") count += 1;
  return count;
}

/** How many were asked, and have not answered, or failed. */
export function countUnknown(answers: readonly Answer<unknown>[]): number {
  let count = 0;
  for (const { status } of answers) if (status === "pending" || status === "failed") count += 1;
  return count;
}

/** Whether so many may still come together, of whom there are `count` by now. */
export function canReach(goal: number, count: number, answers: readonly Answer<unknown>[]): boolean {
  return count + countPending(answers) >= goal;
}

/** The values of those who answered. */
export function valuesOf<T>(answers: readonly Answer<T>[]): T[] {
  const values: T[] = [];
  for (const answer of answers) if (answer.status === "answered") values.push(answer.value);
  return values;
}
