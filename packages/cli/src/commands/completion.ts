import { Argument, type Command } from "commander";
import { EXIT } from "../exit-codes.ts";
import { print } from "../output/screen.ts";
import type { GlobalFlags } from "../target.ts";
import { define } from "./define.ts";

/** A command and what may follow it. */
interface Entry {
  readonly name: string;
  readonly summary: string;
  readonly flags: readonly Flag[];
}

interface Flag {
  readonly name: string;
  readonly about: string;
  /** Whether something has to follow it. */
  readonly takes: boolean;
}

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

export function defineCompletion(program: Command): void {
  define<GlobalFlags, [Shell]>(program, {
    name: "completion",
    summary: "print a completion script for a shell",
    about: "Prints a script that completes commands and options.",
    examples: [
      ['eval "$(lock completion bash)"', "in ~/.bashrc"],
      ['eval "$(lock completion zsh)"', "in ~/.zshrc, behind compinit"],
      ["lock completion fish > ~/.config/fish/completions/lock.fish", "once"],
    ],
    async act(_, shell) {
      await print(SCRIPTS[shell](entriesOf(program)));
      return EXIT.ok;
    },
  }).addArgument(new Argument("<shell>", "the shell").choices(SHELLS));
}

function entriesOf(program: Command): readonly Entry[] {
  const common = flagsOf(program);
  return program.commands.map((command) => {
    return { name: command.name(), summary: command.summary(), flags: [...flagsOf(command), ...common] };
  });
}

function flagsOf(command: Command): Flag[] {
  return command.options.map(({ long, description, required }) => {
    return { name: long ?? "", about: description, takes: required };
  });
}

const SCRIPTS: Record<Shell, (entries: readonly Entry[]) => string> = { bash, zsh, fish };

function bash(entries: readonly Entry[]): string {
  const cases = entries.map(({ name, flags }) => `    ${name}) words="${namesOf(flags)}";;`);
  return `_lock() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words="${namesOf(entries)}" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in
    --) compopt -o default; COMPREPLY=(); return;;
${cases.join("\n")}
    esac
  done
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o bashdefault -F _lock lock`;
}

function zsh(entries: readonly Entry[]): string {
  const commands = entries.map(({ name, summary }) => `    ${single(`${name}:${summary}`)}`);
  const cases = entries.map(({ name, flags }) => {
    const specs = flags.map(({ name: flag, about, takes }) =>
      single(`${flag}[${about.replace(/[[\]:\\]/g, "\\$&")}]${takes ? ": :_files" : ""}`),
    );
    return `    ${name}) _arguments ${specs.join(" ")} '*: :_files';;`;
  });
  return `#compdef lock
_lock() {
  local -a commands=(
${commands.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join("\n")}
  esac
}
compdef _lock lock`;
}

function fish(entries: readonly Entry[]): string {
  const commands = entries.map(
    ({ name, summary }) => `complete -c lock -n __fish_use_subcommand -f -a ${name} -d ${single(summary)}`,
  );
  const flags = entries.flatMap(({ name, flags: all }) =>
    all.map(({ name: flag, about, takes }) => {
      const rest = `-l ${flag.replace("--", "")}${takes ? " -r" : ""} -d ${single(about)}`;
      return `complete -c lock -n "__fish_seen_subcommand_from ${name}" ${rest}`;
    }),
  );
  return [...commands, ...flags].join("\n");
}

function namesOf(entries: readonly { readonly name: string }[]): string {
  return entries.map(({ name }) => name).join(" ");
}

/** A word for a shell, with everything in it as it stands. */
function single(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
