import { connect, type Socket } from "node:net";
import { DelayLine } from "./delay-line.ts";
import type { Faults, ReplyDrop } from "./faults.ts";
import { isMessage, isPubSub, isPush, RespFrames } from "./resp-frames.ts";

/** One client's connection through the proxy, and its counterpart to the server. */
export class ProxyConnection {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #faults: Faults;
  readonly #toServer = new DelayLine();
  readonly #toClient = new DelayLine();
  readonly #requests = new RespFrames();
  readonly #replies = new RespFrames();
  #asked = 0;
  #answered = 0;
  /** How much of the incomplete reply at hand the client has received already. */
  #passedOn = 0;
  #isSubscriber = false;
  /** The answers to drop: those after the first `from` of this connection, up to and including number `to`. */
  #drop: { readonly reply: ReplyDrop; readonly from: number; readonly to: number } | undefined;

  constructor(client: Socket, target: { host: string; port: number }, faults: Faults) {
    this.#client = client;
    this.#server = connect({ host: target.host, port: target.port, allowHalfOpen: true, noDelay: true });
    this.#faults = faults;
    for (const socket of [this.#client, this.#server]) {
      // Whoever waits for an answer keeps the process alive; the proxy in between has no reason of its own.
      socket.unref();
      // "close" follows every error and is what is acted upon.
      socket.on("error", () => undefined);
    }
    client.on("data", (chunk: Buffer) => this.#towardsServer(() => this.#request(chunk)));
    client.on("end", () => this.#towardsServer(() => this.#server.end()));
    client.on("close", () => this.#towardsServer(() => this.#server.end()));
    this.#server.on("data", (chunk: Buffer) => this.#reply(chunk));
    this.#server.on("end", () => this.#towardsClient(() => this.#client.end()));
    this.#server.on("close", () => this.#serverClosed());
  }

  get isOpen(): boolean {
    return !this.#client.destroyed;
  }

  /** Resolves when nothing of the connection is left on either side. */
  get closed(): Promise<unknown> {
    return Promise.all(
      [this.#client, this.#server].map((socket) =>
        socket.closed ? undefined : new Promise((resolve) => socket.once("close", resolve)),
      ),
    );
  }

  destroy(): void {
    this.#toServer.clear();
    this.#toClient.clear();
    this.#client.destroy();
    this.#server.destroy();
  }

  #towardsServer(deliver: () => void): void {
    this.#toServer.send(this.#faults.delayMs, () => {
      if (!this.#faults.isBlackhole) deliver();
    });
  }

  #towardsClient(deliver: () => void): void {
    this.#toClient.send(this.#faults.delayMs, () => {
      if (!this.#faults.isBlackhole) deliver();
    });
  }

  #request(chunk: Buffer): void {
    const from = this.#asked;
    const frames = this.#requests.push(chunk);
    this.#isSubscriber ||= frames.some(isPubSub);
    // A subscription has a varying number of confirmations, and in RESP3 these are pushes: they are never counted.
    this.#asked += frames.filter((frame) => !isPubSub(frame)).length;
    const { rest } = this.#requests;
    if (this.#drop === undefined) {
      const reply = this.#faults.takeReplyDrop(Buffer.concat([...frames, rest]));
      if (reply !== undefined) this.#drop = { reply, from, to: this.#asked + (rest.length > 0 ? 1 : 0) };
    }
    this.#server.write(chunk);
  }

  #reply(chunk: Buffer): void {
    if (this.#faults.isBlackhole) return;
    const passed: Buffer[] = [];
    for (const frame of this.#replies.push(chunk)) {
      // What has begun to arrive has to arrive whole, or everything after it would be misread.
      if (this.#passedOn > 0) passed.push(frame.subarray(this.#passedOn));
      else if (!this.#isSwallowed(frame)) passed.push(frame);
      this.#passedOn = 0;
      if (!isPush(frame) && !(this.#isSubscriber && isPubSub(frame))) this.#answered++;
      if (this.#drop !== undefined && this.#answered >= this.#drop.to) {
        this.#pass(passed);
        this.#finishDrop(this.#drop.reply);
        return;
      }
    }
    if (!this.#isFiltering()) {
      passed.push(this.#replies.rest.subarray(this.#passedOn));
      this.#passedOn = this.#replies.rest.length;
    }
    this.#pass(passed);
  }

  #isFiltering(): boolean {
    return this.#drop !== undefined || (this.#faults.dropsMessages && this.#isSubscriber);
  }

  #isSwallowed(frame: Buffer): boolean {
    if (this.#drop !== undefined && this.#answered >= this.#drop.from) return true;
    return this.#faults.dropsMessages && this.#isSubscriber && isMessage(frame);
  }

  #pass(frames: readonly Buffer[]): void {
    const bytes = Buffer.concat(frames);
    if (bytes.length === 0) return;
    this.#towardsClient(() => {
      if (this.#client.writable) this.#client.write(bytes);
    });
  }

  #finishDrop(reply: ReplyDrop): void {
    this.#drop = undefined;
    this.#server.destroy();
    this.#towardsClient(() => this.#client.destroySoon());
    reply.done();
  }

  #serverClosed(): void {
    this.#towardsClient(() => this.#client.destroySoon());
    this.#drop?.reply.cancel("the connection ended before the server had answered");
    this.#drop = undefined;
  }
}
