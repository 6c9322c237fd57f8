import { colours, count, paintOf, print, printable, sayVerdict } from "@lock/demo-kit";
import { AGENTS, type AgentName } from "./messages.ts";
import { type SessionFacts, total } from "./verdict.ts";

/** Of a long list of damage. */
const SHOWN = 6;
const WIDTHS = { session: 11, turns: 7, lost: 5, torn: 5, blind: 5 };

/** What the store has, session by session. */
export function printSessions(facts: readonly SessionFacts[]): void {
  const { session, turns, lost, torn, blind } = WIDTHS;
  print(`\n${colours.bold("The conversations")} ${colours.dim("(as the store has them)")}\n`);
  const titles = [
    "session".padEnd(session),
    "turns".padStart(turns),
    "lost".padStart(lost),
    "torn".padStart(torn),
    "blind".padStart(blind),
    "answered by",
  ];
  print(colours.bold(`  ${titles.join("  ")}`));
  for (const one of facts) {
    const cells = [
      printable(one.session).padEnd(session),
      `${one.stored}/${one.asked}`.padStart(turns),
      bad(one.missing.length, lost),
      bad(one.torn.length, torn),
      bad(one.blind.length, blind),
      one.agents.map(paintAgent).join(" "),
    ];
    print(`  ${cells.join("  ")}`);
  }
  print(colours.dim("\n  torn: question and answer apart; blind: answered without all that was said before"));
}

/** Prints what was found; returns the exit code. */
export function printVerdict(
  facts: readonly SessionFacts[],
  damage: readonly string[],
  lock: boolean,
): number {
  const turns = count(
    total(facts, ({ asked }) => asked),
    "turn",
  );
  if (damage.length === 0 && lock) {
    const how = "each one once, whole, in order, and with all that was said before";
    sayVerdict("good", `good: ${turns} in ${count(facts.length, "conversation")}, ${how}.`);
    print("  The answer that came too late is not there; its turn was taken again.");
    return 0;
  }
  if (damage.length === 0) {
    sayVerdict("lucky", "nothing was lost this time. Nothing prevented it: run it again.");
    return 0;
  }
  const why = lock ? "although the lock was used" : "as nobody kept the turns apart";
  const lost = total(facts, ({ missing }) => missing.length);
  const blind = total(facts, ({ blind }) => blind.length);
  sayVerdict(
    "bad",
    `DAMAGED, ${why}: ${lost} of ${turns} lost, ${blind} answered without all that was said before.`,
  );
  for (const problem of damage.slice(0, SHOWN)) print(`  ${colours.red("•")} ${printable(problem)}`);
  if (damage.length > SHOWN) print(colours.dim(`  … and so on in the other conversations`));
  return lock ? 1 : 0;
}

export function paintAgent(name: string): string {
  return paintOf(AGENTS.indexOf(name as AgentName) + 1)(printable(name));
}

function bad(number: number, width: number): string {
  const text = String(number).padStart(width);
  return number === 0 ? text : colours.red(text);
}
