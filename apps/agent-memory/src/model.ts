import { setTimeout as pause } from "node:timers/promises";

/** What an answer is made of; no network is needed to be slow. */
const WORDS = "let me think about that for a moment and then tell you what I found in my notes".split(" ");

/** A language model by its manners: it streams its answer word by word, and stops when nobody wants it any more. */
export async function* streamAnswer(
  knew: number,
  question: string,
  pace: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<string> {
  const told = knew === 1 ? "1 turn" : `${knew} turns`;
  for (const word of [...WORDS, `(I remember ${told} before “${question}”)`]) {
    await pause(pace * (0.5 + Math.random()));
    signal?.throwIfAborted();
    yield `${word} `;
  }
}
