import { connect } from "node:net";

export interface ReadinessTarget {
  readonly port: number;
  readonly password: string | undefined;
  /** The server's data directory: tells our server from a stranger that won the race for the port. */
  readonly directory: string;
}

const ASK_TIMEOUT_MS = 1_000;

/** What kept the server from being ready, or undefined when it answered PING and is the server meant. */
export async function whyNotReady(target: ReadinessTarget): Promise<string | undefined> {
  const { port, password, directory } = target;
  const commands = [["PING"], ["CONFIG", "GET", "dir"]];
  if (password !== undefined) commands.unshift(["AUTH", password]);
  const answer = await ask(port, commands, (text) => text.includes(directory) || /^-/m.test(text));
  if (answer.includes("+PONG") && answer.includes(directory)) return undefined;
  return `its last answer was "${answer.trim()}"`;
}

function ask(
  port: number,
  commands: readonly (readonly string[])[],
  isEnough: (answer: string) => boolean,
): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect({ host: "127.0.0.1", port });
    socket.setEncoding("utf8");
    const timer = setTimeout(() => socket.destroy(), ASK_TIMEOUT_MS);
    socket.on("connect", () => socket.write(commands.map(encode).join("")));
    socket.on("data", (text: string) => {
      answer += text;
      if (isEnough(answer)) socket.destroy();
    });
    socket.on("error", (error) => {
      answer ||= error.message;
    });
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(answer);
    });
  });
}

function encode(command: readonly string[]): string {
  return `*${command.length}\r\n${command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join("")}`;
}
