import type { Clock } from "../../clock.ts";

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
  isDecided: (answers: readonly Answer<T>[]) => boolean,
): Promise<readonly Answer<T>[]> {
  const answers: Answer<T>[] = questions.map((question) => (question === undefined ? UNASKED : PENDING));
  let pending = questions.filter((question) => question !== undefined).length;
  if (pending === 0) return Promise.resolve(answers);
  return new Promise((resolve) => {
    const timer = clock.setTimer(() => resolve(answers.slice()), timeout, true);
    const hear = (index: number, answer: Answer<T>) => {
      answers[index] = answer;
      pending -= 1;
      if (pending > 0 && !isDecided(answers)) return;
      timer.cancel();
      resolve(answers.slice());
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
  return answers.filter(({ status }) => status === "pending").length;
}

/** How many were asked, and have not answered, or failed. */
export function countUnknown(answers: readonly Answer<unknown>[]): number {
  return answers.filter(({ status }) => status === "pending" || status === "failed").length;
}

/** The values of those who answered. */
export function valuesOf<T>(answers: readonly Answer<T>[]): T[] {
  return answers.flatMap((answer) => (answer.status === "answered" ? [answer.value] : []));
}
