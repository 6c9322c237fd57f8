import type { AcquireRequest, Enrolment, Membership } from "../../contract/backend.ts";
import { randomText } from "../../contract/host.ts";
import { Batch, type BatchedScript, LARGEST_BATCH } from "./batch.ts";
import type { AcquireCall } from "./calls.ts";
import type { CommandsOptions, RunOnce } from "./commands-options.ts";
import { memberKey } from "./keys.ts";
import { enrollScript, voteScript } from "./lua/index.ts";
import { readNumber } from "./replies.ts";

/** What a server that is a node of a quorum is asked, beside what every server is. */
export class Voting {
  /** By prefix: see `lua/member.lua`. */
  readonly #votes = new Map<string, { readonly mark: string; readonly batch: Batch }>();
  /** By prefix: the run id and the time of a server that was no member when it was asked. */
  readonly #stranger = new Map<string, readonly [string, string]>();

  constructor(
    private readonly options: CommandsOptions,
    private readonly run: RunOnce,
    private readonly header: (prefix: string) => BatchedScript["header"],
  ) {}

  /** Whether it is known how the server votes: that is so once it has been found to be a member. */
  mayVote({ prefix }: AcquireRequest): boolean {
    return this.#votes.has(prefix);
  }

  send(prefix: string, call: AcquireCall): void {
    const vote = this.#votes.get(prefix);
    if (vote === undefined) throw new Error("a node votes when it has been enrolled");
    vote.batch.add(call);
  }

  async enroll(prefix: string, { votesIn, durable }: Enrolment): Promise<Membership> {
    const key = memberKey(prefix);
    const id = randomText(12);
    const [run, now] = this.#stranger.get(prefix) ?? ["-", "0"];
    const terms = [votesIn === undefined ? "" : String(votesIn), durable ? "1" : ""];
    const args = [id, ...terms, run, now, String(this.options.requestTimeout)];
    const [text = ""] = await this.run(undefined, enrollScript, [key], args);
    if (text === "restarted") return { status: text };
    const [server = "", mark = "", left = ""] = text.split(" ");
    if (server === "stranger") {
      this.#stranger.set(prefix, [mark, left]);
      return { status: server };
    }
    if (this.#votes.get(prefix)?.mark !== mark) {
      const what: BatchedScript = {
        script: voteScript(mark),
        most: LARGEST_BATCH,
        header: this.header(prefix),
        lastKeys: [key],
      };
      this.#votes.set(prefix, { mark, batch: new Batch(this.options, what) });
    }
    return { status: "member", id: server, votesIn: readNumber(left) };
  }
}
