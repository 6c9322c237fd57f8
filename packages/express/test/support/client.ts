import { once } from "node:events";
import { type ClientRequest, type IncomingMessage, request } from "node:http";

/** A request that can be left: its connection is its own. */
export interface OwnRequest {
  readonly request: ClientRequest;
  /** Resolves with the head of the answer; the body is to be read. */
  readonly response: Promise<IncomingMessage>;
  /** Closes the connection without waiting for anything. */
  leave(): void;
}

export function send(url: string, method = "POST", headers: Record<string, string> = {}): OwnRequest {
  const sent = request(url, { method, headers, agent: false });
  const response = once(sent, "response").then(([message]) => message as IncomingMessage);
  response.catch(() => undefined);
  sent.on("error", () => undefined);
  sent.end();
  return { request: sent, response, leave: () => void sent.destroy() };
}

/** An answer, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

export async function ask(url: string, options: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, { method: "POST", ...options });
  return { status: response.status, headers: response.headers, body: await response.text() };
}
