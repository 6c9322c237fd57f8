import { colours, count, paintOf, print, printable, sayVerdict, Table } from "@lock/demo-kit";
import { AGENTS, type AgentName } from "./messages.ts";
import { type SessionFacts, total } from "./verdict.ts";

/** Of a long list of damage. */
const SHOWN = 6;
const COLUMNS = {
  session: { title: "session", width: 11 },
  turns: { title: "turns", width: -7 },
  lost: { title: "lost", width: -5 },
  torn: { title: "torn", width: -5 },
  blind: { title: "blind", width: -5 },
  agents: { title: "answered by", width: 23, rank: 1 },
};

/** What the store has, session by session. */
export function printSessions(facts: readonly SessionFacts[]): void {
  print(`\n${colours.bold("The conversations")} ${colours.dim("(as the store has them)")}\n`);
  const table = new Table(COLUMNS, 2);
  print(colours.bold(`  ${table.header}`));
  for (const one of facts) {
    const cells = table.row({
      session: printable(one.session),
      turns: `${one.stored}/${one.asked}`,
      lost: bad(one.missing.length),
      torn: bad(one.torn.length),
      blind: bad(one.blind.length),
      agents: one.agents.map(paintAgent).join(" "),
    });
    print(`  ${cells}`);
  }
  print(colours.dim("\n  torn:  question and answer are apart"));
  print(colours.dim("  blind: answered without all that was said before"));
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
    sayVerdict("good", `good: ${turns} in ${count(facts.length, "conversation")}, each stored once.`);
    print("  Each turn is whole, in order, and was answered with all that was said before.");
    return 0;
  }
  if (damage.length === 0) {
    sayVerdict("lucky", "nothing was lost this time. Nothing prevented it: run it again.");
    return 0;
  }
  const why = lock ? "although the lock was used" : "as nothing kept the turns apart";
  const lost = total(facts, ({ missing }) => missing.length);
  const blind = total(facts, ({ blind }) => blind.length);
  sayVerdict("bad", `DAMAGED, ${why}: ${lost} of ${turns} lost.`);
  print(`  ${count(blind, "turn")} answered without all that was said before.`);
  for (const problem of damage.slice(0, SHOWN)) print(`  ${colours.red("•")} ${printable(problem)}`);
  if (damage.length > SHOWN) print(colours.dim(`  … and so on in the other conversations`));
  return lock ? 1 : 0;
}

export function paintAgent(name: string): string {
  return paintOf(AGENTS.indexOf(name as AgentName) + 1)(printable(name));
}

function bad(number: number): string {
  return number === 0 ? "0" : colours.red(String(number));
}
