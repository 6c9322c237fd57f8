import { agreedFence, majorityOf } from "../../../src/backends/quorum/fence.ts";

/**
 * A model of how a quorum agrees on fencing tokens, small enough to look at every state that it can come to. It allows
 * more than can happen, so what holds here holds there:
 * - There is no time: a lease ends at any moment, and clients propose whatever their clocks say.
 * - Whatever was ever sent to a node may arrive at any time, any number of times, or never; so may its answers.
 * - A candidate is one acquire of some client; all of them act at once, and none ever gives up.
 * The decision of the client is the real code's (`fence.ts`); that of a node is the rule of `Voter.vote` (`mint` in
 * fence.lua).
 */
export interface Rules {
  readonly nodes: number;
  readonly candidates: number;
  /** What candidates may propose: clocks that are right, late or early. */
  readonly proposals: readonly number[];
  /** How many nodes may lose their data. */
  readonly amnesias: number;
  /** Counters above this are not looked at: without an end there would be no end of states. */
  readonly largest: number;
}

/** What a wrong implementation would do: each must be found out. */
export interface Mutation {
  /** The largest token of a majority is taken, whether they agree or not. */
  readonly withoutSecondRound?: boolean;
  /** Half of the nodes are enough. */
  readonly half?: boolean;
  /** A node grants what is proposed, also when its counter is ahead. */
  readonly forgetsCounter?: boolean;
  /** A node that raises a grant does not raise its counter. */
  readonly doesNotRaise?: boolean;
  /** A node that lost its data votes as before. */
  readonly amnesiacsVote?: boolean;
}

export interface NodeState {
  /** Which candidate the key was granted to last, -1 for none, and with which token. */
  readonly holder: number;
  readonly granted: number;
  readonly counter: number;
  readonly isAmnesiac: boolean;
  /** What each candidate has heard from this node; ascending. */
  readonly heard: readonly (readonly number[])[];
}

export interface CandidateState {
  /** The largest token that was agreed on anywhere before it stood. */
  readonly floor: number;
  /** All that it ever asked for; ascending. */
  readonly proposed: readonly number[];
  /** The token that it was elected with, or 0. */
  readonly elected: number;
}

export interface State {
  readonly nodes: readonly NodeState[];
  /** Those who have stood so far, in this order. */
  readonly candidates: readonly CandidateState[];
  readonly amnesias: number;
  /** Why the history is wrong. */
  readonly violation?: string;
}

export interface Step {
  readonly what: string;
  readonly state: State;
}

export function initialState({ nodes, candidates, amnesias }: Rules): State {
  const heard = Array.from({ length: candidates }, () => []);
  const node: NodeState = { holder: -1, granted: 0, counter: 0, isAmnesiac: false, heard };
  return { nodes: Array.from({ length: nodes }, () => node), candidates: [], amnesias };
}

/** Everything that can happen next. */
export function* next(state: State, rules: Rules, mutation: Mutation): Generator<Step> {
  yield* stand(state, rules);
  for (const index of state.candidates.keys()) {
    yield* decide(state, rules, mutation, index);
    for (const node of state.nodes.keys()) yield* deliver(state, rules, mutation, node, index);
  }
  if (state.amnesias > 0) yield* forget(state);
}

function* stand(state: State, { candidates, proposals }: Rules): Generator<Step> {
  const index = state.candidates.length;
  if (index === candidates) return;
  const floor = Math.max(0, ...state.candidates.map(({ elected }) => elected));
  for (const proposal of proposals) {
    const standing: CandidateState = { floor, proposed: [proposal], elected: 0 };
    yield {
      what: `candidate ${index} stands, and proposes ${proposal}`,
      state: { ...state, candidates: [...state.candidates, standing] },
    };
  }
}

/** A candidate has heard from a majority: it is elected, or asks for a larger token. */
function* decide(state: State, rules: Rules, mutation: Mutation, index: number): Generator<Step> {
  const candidate = state.candidates[index];
  if (candidate === undefined || candidate.elected > 0) return;
  const majority = mutation.half === true ? Math.floor(rules.nodes / 2) : majorityOf(rules.nodes);
  const heard = state.nodes.map((node) => node.heard[index] ?? []);
  for (const fence of new Set(heard.flat())) {
    // Answers that are still on their way: as if they had not been heard.
    const upTo = heard.filter((fences) => fences.some((each) => each <= fence)).length;
    if (upTo < majority) continue;
    const same = heard.flatMap((fences) => fences.filter((each) => each === fence));
    if (mutation.withoutSecondRound === true || agreedFence(same, majority) !== undefined) {
      yield { what: `candidate ${index} is elected with ${fence}`, state: elect(state, index, fence) };
    } else if (!candidate.proposed.includes(fence)) {
      const proposed = [...candidate.proposed, fence].sort((a, b) => a - b);
      const candidates = replaced(state.candidates, index, { ...candidate, proposed });
      yield { what: `candidate ${index} proposes ${fence} as well`, state: { ...state, candidates } };
    }
  }
}

function elect(state: State, index: number, fence: number): State {
  const candidates = state.candidates.map((each, place) =>
    place === index ? { ...each, elected: fence } : each,
  );
  const after = { ...state, candidates };
  if (state.candidates.some(({ elected }) => elected === fence)) {
    return { ...after, violation: `two grants have the token ${fence}` };
  }
  const { floor } = state.candidates[index] ?? { floor: 0 };
  return fence > floor
    ? after
    : { ...after, violation: `${floor} was granted before ${fence} was asked for` };
}

/** A node gets one of the votes that a candidate ever asked for, and answers it; the answer is heard, or not. */
function* deliver(
  state: State,
  rules: Rules,
  mutation: Mutation,
  at: number,
  index: number,
): Generator<Step> {
  const node = state.nodes[at];
  if (node === undefined || (node.isAmnesiac && mutation.amnesiacsVote !== true)) return;
  for (const proposal of state.candidates[index]?.proposed ?? []) {
    // The lease of whoever holds it may have ended, also that of the candidate itself.
    for (const stands of node.holder === index ? [true, false] : [false]) {
      const after = vote(node, index, proposal, stands, mutation);
      if (after.counter > rules.largest) continue;
      const what = `node ${at} grants ${after.granted} to candidate ${index}, asked for ${proposal}`;
      yield { what: `${what}, unheard`, state: withNode(state, at, after) };
      yield { what, state: withNode(state, at, hear(after, index)) };
    }
  }
}

function hear(node: NodeState, index: number): NodeState {
  const heard = new Set([...(node.heard[index] ?? []), node.granted]);
  return {
    ...node,
    heard: replaced(
      node.heard,
      index,
      [...heard].sort((a, b) => a - b),
    ),
  };
}

/** The rule of `Voter.vote` for exclusive locks. */
function vote(
  node: NodeState,
  holder: number,
  proposal: number,
  stands: boolean,
  mutation: Mutation,
): NodeState {
  if (stands && node.granted >= proposal) return node;
  const granted = mutation.forgetsCounter === true ? proposal : Math.max(proposal, node.counter + 1);
  const counter = stands && mutation.doesNotRaise === true ? node.counter : Math.max(node.counter, granted);
  return { ...node, holder, granted, counter };
}

function* forget(state: State): Generator<Step> {
  for (const [index, node] of state.nodes.entries()) {
    if (node.isAmnesiac) continue;
    const empty = { ...node, holder: -1, granted: 0, counter: 0, isAmnesiac: true };
    yield {
      what: `node ${index} loses its data`,
      state: { ...withNode(state, index, empty), amnesias: state.amnesias - 1 },
    };
  }
}

function withNode(state: State, index: number, node: NodeState): State {
  return { ...state, nodes: replaced(state.nodes, index, node) };
}

function replaced<T>(list: readonly T[], index: number, value: T): T[] {
  return list.map((old, place) => (place === index ? value : old));
}
