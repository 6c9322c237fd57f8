import { signalGroup } from "./group.ts";

/**
 * Lets Ctrl-Z stop a command that is in a session of its own, where the terminal does not reach it, and lets it go on
 * as we do. The returned function ends that.
 */
export function stopTogether(group: number): () => void {
  const stop = () => {
    signalGroup(group, "SIGSTOP");
    process.off("SIGTSTP", stop);
    // As if nobody had listened: where no shell could continue us, the system does not stop us.
    process.kill(process.pid, "SIGTSTP");
    setTimeout(goOn, LATEST);
  };
  const goOn = () => {
    signalGroup(group, "SIGCONT");
    process.off("SIGTSTP", stop);
    process.on("SIGTSTP", stop);
  };
  process.on("SIGTSTP", stop);
  process.on("SIGCONT", goOn);
  return () => {
    process.off("SIGTSTP", stop);
    process.off("SIGCONT", goOn);
  };
}

const LATEST = 200;
