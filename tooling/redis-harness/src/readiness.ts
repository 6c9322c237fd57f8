import { askRaw } from "./ask.ts";

export interface ReadinessTarget {
  readonly port: number;
  readonly password: string | undefined;
  /** Asks for something that names the data directory. */
  readonly proof?: readonly string[] | undefined;
  /** The server's data directory: tells our server from a stranger that won the race for the port. */
  readonly directory: string;
}

/** What kept the server from being ready, or undefined when it answered PING and is the server meant. */
export async function whyNotReady(target: ReadinessTarget): Promise<string | undefined> {
  const { port, password, directory, proof } = target;
  const commands: (readonly string[])[] = [["PING"], proof ?? ["CONFIG", "GET", "dir"]];
  if (password !== undefined) commands.unshift(["AUTH", password]);
  const answer = await askRaw(port, commands, (text) => text.includes(directory) || /^-/m.test(text));
  if (answer.includes("+PONG") && answer.includes(directory)) return undefined;
  return `its last answer was "${answer.trim()}"`;
}
