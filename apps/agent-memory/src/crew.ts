import { DemoError, Worker } from "@lock/demo-kit";
import {
  AGENTS,
  type AgentName,
  type AgentTask,
  type FromAgent,
  type Question,
  type ToAgent,
  type Told,
} from "./messages.ts";

/** Hears what agents tell. */
export type OnTold = (agent: AgentName, told: Told) => void;

interface Member {
  readonly worker: Worker<ToAgent, FromAgent>;
  readonly ready: Promise<number>;
  pid: number | undefined;
  isPaused: boolean;
}

/** The agents' processes. */
export class Crew implements AsyncDisposable {
  readonly #members = new Map<AgentName, Member>();

  constructor(task: Omit<AgentTask, "name">, env: Readonly<Record<string, string>>, onTold: OnTold) {
    for (const name of AGENTS) this.#members.set(name, start({ ...task, name }, env, onTold));
  }

  /** What a person may want to know of them. */
  get agents(): { readonly name: AgentName; readonly pid: number | undefined; readonly isPaused: boolean }[] {
    return [...this.#members].map(([name, { pid, isPaused }]) => ({ name, pid, isPaused }));
  }

  /** Resolves when all can be asked. */
  async ready(): Promise<void> {
    const members = [...this.#members.values()];
    await this.during(Promise.all(members.map(({ ready }) => ready)));
  }

  ask(agent: AgentName, question: Question): void {
    this.#members.get(agent)?.worker.send({ kind: "ask", question });
  }

  pause(agent: AgentName): void {
    this.#signal(agent, "SIGSTOP", true);
  }

  /** Wakes it up, and lets it go on with the turn in whose middle it waits. */
  wake(agent: AgentName, turn: number): void {
    this.#signal(agent, "SIGCONT", false);
    this.#members.get(agent)?.worker.send({ kind: "go", turn });
  }

  /** Settles as `work` does, but rejects as soon as an agent ends. */
  during<T>(work: Promise<T>): Promise<T> {
    const ends = [...this.#members].map(async ([name, { worker }]): Promise<never> => {
      await worker.finished;
      throw new DemoError(`${name} ended too early`);
    });
    return Promise.race([work, ...ends]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // One that is paused could not even hear that it is to end.
    for (const [name, { isPaused }] of this.#members) if (isPaused) this.#signal(name, "SIGCONT", false);
    await Promise.all([...this.#members.values()].map(({ worker }) => worker[Symbol.asyncDispose]()));
  }

  #signal(agent: AgentName, signal: NodeJS.Signals, isPaused: boolean): void {
    const member = this.#members.get(agent);
    if (member?.pid === undefined) return;
    member.isPaused = isPaused;
    try {
      process.kill(member.pid, signal);
    } catch {
      // It has ended already, which `finished` tells.
    }
  }
}

function start(task: AgentTask, env: Readonly<Record<string, string>>, onTold: OnTold): Member {
  let isReady: (pid: number) => void = () => undefined;
  const ready = new Promise<number>((resolve) => {
    isReady = resolve;
  });
  const worker = new Worker<ToAgent, FromAgent>({
    name: task.name,
    script: new URL("../dist/agent.js", import.meta.url),
    argument: task,
    env,
    onMessage: (message) => {
      if (message.kind !== "ready") return onTold(task.name, message);
      member.pid = message.pid;
      isReady(message.pid);
    },
  });
  const member: Member = { worker, ready, pid: undefined, isPaused: false };
  return member;
}
