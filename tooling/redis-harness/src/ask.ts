import { connect } from "node:net";

/** As long as a loaded machine may need. */
const ASK_TIMEOUT_MS = 5_000;

/**
 * Sends commands over a connection of their own, and resolves with all that was answered until it is enough, the
 * connection ends or so much time has passed; the connection's error where nothing was answered.
 */
export function askRaw(
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

/**
 * The answer to one command as RESP text. Rejects when the server is away, silent or refuses.
 */
export async function askServer(port: number, ...command: string[]): Promise<string> {
  // The answer to PING comes after that to the command, and says that the latter is complete.
  const answer = await askRaw(port, [command, ["PING"]], (text) => text.endsWith("+PONG\r\n"));
  if (answer.endsWith("+PONG\r\n") && !answer.startsWith("-")) return answer.slice(0, -"+PONG\r\n".length);
  throw new Error(`127.0.0.1:${port} answered ${command.join(" ")} with "${answer.trim()}"`);
}

/** The lines of an answer such as INFO's, without what RESP adds. */
export async function askForLines(port: number, ...command: string[]): Promise<string[]> {
  const lines = (await askServer(port, ...command)).split(/\r?\n/);
  return lines.filter((line) => line !== "" && !/^[$*%~:][0-9]+$/.test(line));
}

function encode(command: readonly string[]): string {
  return `*${command.length}\r\n${command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join("")}`;
}
