import { type Attempt, type History, nameOf, type Violation } from "../run/history.ts";

/**
 * A lease that is renewed is not lost where nothing goes wrong, or where nodes of a quorum restart one after another; and who
 * gave it away by a ticket finds it adopted, whatever the network does.
 */
export function checkSteady(history: History): Violation[] {
  const { attempts, struck, story, forced } = history;
  const isRolling =
    story.topology === "quorum" && struck.every(({ fault }) => fault.kind === "crash" && !fault.keepsData);
  const isCalm =
    (struck.length === 0 || (isRolling && struck.length === story.servers.length)) &&
    story.weather.slow === 0;
  return attempts.flatMap((attempt): Violation[] => {
    const { lostAt, keys } = attempt;
    const wasTaken = forced.some(({ key }) => keys.includes(key));
    if (isCalm && !wasTaken && lostAt !== undefined && mayLast(attempt, history)) {
      return [
        { promise: "outcome", at: lostAt, text: `${nameOf(attempt)} was lost although nothing went wrong` },
      ];
    }
    return [];
  });
}

/** Whether it should be renewed for as long as its holder wants it. */
function mayLast({ operation: place }: Attempt, { story }: History): boolean {
  const operation = story.operations[place];
  return operation?.kind === "hold" && operation.renew && operation.maxHold === undefined;
}
