import type { AcquireRequest, Enrolment, Membership, Vote, Voter } from "../../contract/backend.ts";
import { randomText } from "../../contract/host.ts";
import type { Batch } from "./batch.ts";
import type { Electable } from "./electable.ts";
import { memberKey } from "./keys.ts";
import { enrollScript, voteScript } from "./lua/voting.ts";
import { readNumber } from "./replies.ts";

/**
 * How a Redis server votes. Only quorums load it: it makes do with what the backend exposes.
 */
export class RedisVoter implements Voter {
  /** By prefix: see `lua/member.lua`. */
  readonly #votes = new Map<string, { readonly mark: string; readonly batch: Batch }>();
  /** By prefix: the run id and the time of a server that was no member when it was asked. */
  readonly #stranger = new Map<string, readonly [string, string]>();

  constructor(private readonly server: Electable) {}

  async vote(request: AcquireRequest, fence: number): Promise<Vote> {
    // How it votes is known once it has been found to be a member.
    const votes = this.#votes.get(request.prefix);
    if (votes !== undefined) {
      const ask = (ticket: number) => this.server.ask(request, ticket, votes.batch, String(fence));
      return this.server.attempt(request, ask);
    }
    const { status } = await this.enroll(request.prefix, { votesIn: undefined, durable: false });
    return status === "member" ? this.vote(request, fence) : { status: "abstained", isMember: false };
  }

  async enroll(prefix: string, { votesIn, durable }: Enrolment): Promise<Membership> {
    const key = memberKey(prefix);
    const { requestTimeout, run, parts } = this.server;
    const id = randomText(12);
    const [runId, now] = this.#stranger.get(prefix) ?? ["-", "0"];
    const terms = [votesIn === undefined ? "" : String(votesIn), durable ? "1" : ""];
    const args = [id, ...terms, runId, now, String(requestTimeout)];
    const [text = ""] = await run(undefined, enrollScript(parts), [key], args);
    if (text === "restarted") return { status: text };
    const [server = "", mark = "", left = ""] = text.split(" ");
    if (server === "stranger") {
      this.#stranger.set(prefix, [mark, left]);
      return { status: server };
    }
    if (this.#votes.get(prefix)?.mark !== mark) {
      const batch = this.server.batch(prefix, voteScript(mark, parts), key);
      this.#votes.set(prefix, { mark, batch });
    }
    return { status: "member", id: server, votesIn: readNumber(left) };
  }
}
