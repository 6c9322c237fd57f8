import { initialState, type Mutation, next, type Rules, type State } from "./model.ts";

export interface Exploration {
  /** How many different states were looked at. */
  readonly states: number;
  /** Whether there are no others. */
  readonly isComplete: boolean;
  /** The shortest history that breaks a rule, one step a line. */
  readonly counterExample: readonly string[] | undefined;
}

interface Found {
  readonly state: State;
  readonly from: Found | undefined;
  readonly what: string;
}

/** Looks at every state that can be reached, nearest first, until one is wrong or there are `most`. */
export function explore(rules: Rules, most: number, mutation: Mutation = {}): Exploration {
  const first: Found = { state: initialState(rules), from: undefined, what: "" };
  const seen = new Set([nameOf(first.state)]);
  const queue = [first];
  // The queue grows while it is gone through.
  for (const from of queue) {
    for (const { what, state } of next(from.state, rules, mutation)) {
      const name = nameOf(state);
      if (seen.has(name)) continue;
      seen.add(name);
      const found = { state, from, what };
      if (state.violation !== undefined) {
        return { states: seen.size, isComplete: false, counterExample: historyOf(found) };
      }
      if (seen.size >= most) return { states: seen.size, isComplete: false, counterExample: undefined };
      queue.push(found);
    }
  }
  return { states: seen.size, isComplete: true, counterExample: undefined };
}

function historyOf(found: Found): string[] {
  const history = [found.state.violation ?? ""];
  for (let step: Found | undefined = found; step?.from !== undefined; step = step.from) {
    history.unshift(step.what);
  }
  return history;
}

/** The same for states that differ only in how nodes are numbered. */
function nameOf({ nodes, candidates, amnesias }: State): string {
  const nodeNames = nodes.map(({ holder, granted, counter, isAmnesiac, heard }) => {
    return `${holder},${granted},${counter}${isAmnesiac ? "-" : ""},${heard.map((each) => each.join(".")).join()}`;
  });
  const candidateNames = candidates.map(
    ({ floor, proposed, elected }) => `${floor},${proposed.join(".")},${elected}`,
  );
  return `${nodeNames.sort().join("|")}/${candidateNames.join("|")}/${amnesias}`;
}
