import type { Crew } from "./crew.ts";
import type { AgentName, Told } from "./messages.ts";

/** The agent that is paused. */
export const SLEEPER: AgentName = "agent-2";

/** Pauses an agent in the middle of its fateful turn, and wakes it when somebody else has had the session. */
export class Fate {
  #struck: { readonly turn: number; readonly session: string } | undefined;
  #isAwake = false;
  /** What came of the answer that the agent tried to save when it woke up; undefined as long as it did not. */
  lateSave: "stored" | "refused" | undefined;
  /** The fateful turn was saved in the end. */
  isOver = false;

  constructor(
    private readonly crew: Pick<Crew, "pause" | "wake">,
    private readonly say: (text: string) => void,
  ) {}

  hear(agent: AgentName, told: Told): void {
    const { turn, session } = told;
    if (told.kind === "middle") this.#strike(agent, turn, session);
    else if (told.kind === "saved" && session === this.#struck?.session) this.#hearSaved(agent, turn);
    else if (told.kind === "lost" && told.lateSave !== undefined) this.#hearLate(agent, told.lateSave);
  }

  #strike(agent: AgentName, turn: number, session: string): void {
    this.#struck = { turn, session };
    this.crew.pause(agent);
    this.say(`${agent} is paused (SIGSTOP) in the middle of an answer in ${session}`);
  }

  #hearSaved(agent: AgentName, turn: number): void {
    if (turn === this.#struck?.turn) this.isOver = true;
    if (agent === SLEEPER || this.#isAwake || this.#struck === undefined) return;
    this.#isAwake = true;
    this.say(`${agent} has saved a turn in ${this.#struck.session}; ${SLEEPER} wakes up (SIGCONT)`);
    this.crew.wake(SLEEPER, this.#struck.turn);
  }

  #hearLate(agent: AgentName, lateSave: "stored" | "refused"): void {
    this.lateSave = lateSave;
    const said = lateSave === "refused" ? "the store refuses it" : "the store takes it";
    this.say(`${agent} lost the session, and saves its answer anyway: ${said}`);
  }
}
