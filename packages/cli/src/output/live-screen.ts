const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";
const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";
const USUAL_ROWS = 24;

/** A page of its own on the terminal, which is as it was when this is disposed of, stopped, or the process ends. */
export class LiveScreen implements Disposable {
  readonly #leave = () => void process.stdout.write(LEAVE);
  readonly #enter = () => void process.stdout.write(ENTER);
  readonly #stop = () => {
    this.#leave();
    process.off("SIGTSTP", this.#stop);
    process.kill(process.pid, "SIGTSTP");
  };
  readonly #goOn = () => {
    process.off("SIGTSTP", this.#stop);
    process.on("SIGTSTP", this.#stop);
    this.#enter();
  };

  constructor() {
    this.#enter();
    process.on("SIGTSTP", this.#stop);
    process.on("SIGCONT", this.#goOn);
    process.on("exit", this.#leave);
  }

  get rows(): number {
    return process.stdout.rows || USUAL_ROWS;
  }

  draw(lines: readonly string[]): void {
    process.stdout.write(HOME + lines.map((line) => `${line}${CLEAR_LINE}\r\n`).join("") + CLEAR_BELOW);
  }

  [Symbol.dispose](): void {
    process.off("SIGTSTP", this.#stop);
    process.off("SIGCONT", this.#goOn);
    process.off("exit", this.#leave);
    this.#leave();
  }
}
