import { spawnSync } from "node:child_process";
import { relative, sep } from "node:path";
import { parseArgs } from "node:util";
import { chooseTests, groups, units } from "./choose-tests.ts";
import { root } from "./repository.ts";

/** Names in lines that fit a terminal. */
const inLines = (named: readonly { readonly name: string }[]) =>
  named
    .map(({ name }, index) => (index % 5 === 0 ? `\n             ${name}` : ` ${name}`))
    .join("")
    .slice(1);

const HELP = `pnpm test [NAME...] [PART...] [--watch] [-t TITLE] [--list]

  NAME       a package, an app or a tool, or repository:
${inLines(units)}
             or a group of long tests:
${inLines(groups)}
  PART       a part of the path of a test file, such as lease or safety/
  --watch    runs the tests again when a file changes
  -t TITLE   only tests whose title has these words
  --list     says which test files would run, and runs nothing

Without names and parts all run that are in no group.
In the folder of a package, pnpm test runs the tests of that package.
For anything else: npx vitest run --help`;

type Stdout = "inherit" | "pipe";

/** Runs a command in the root of the repository; the process ends with it, where it fails. What it wrote, if piped. */
function run(
  command: string,
  args: readonly string[],
  env = process.env,
  stdout: Stdout = "inherit",
): string {
  const stdio = ["inherit", stdout, "inherit"] as const;
  const ended = spawnSync(command, args, { cwd: root, stdio: [...stdio], env, encoding: "utf8" });
  if (ended.error) throw ended.error;
  if (ended.status !== 0) process.exit(ended.status ?? 1);
  return ended.stdout ?? "";
}

function refuse(message: string): never {
  console.error(message);
  process.exit(1);
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        watch: { type: "boolean", short: "w" },
        title: { type: "string", short: "t" },
        list: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    return refuse(`${error instanceof Error ? error.message : error}\n\n${HELP}`);
  }
}

const { values, positionals } = readArguments();
if (values.help) {
  console.log(HELP);
  process.exit();
}
const here = relative(root, process.cwd()).split(sep).join("/");
const within = units.find(({ folder }) => folder !== "" && folder === here);
const choice = chooseTests(positionals, within);
if (choice.kind === "unknown") refuse(choice.message);
// Without a choice vitest looks for test files by itself, also for those that are made while it watches.
const usual = positionals.length === 0 && within === undefined;
const env = usual ? process.env : { ...process.env, LOCK_TEST_FILES: JSON.stringify(choice.tests) };
if (values.list) {
  // Behind the name of its project of vitest.
  const listed = run("vitest", ["list", "--filesOnly"], env, "pipe");
  process.stdout.write(listed.replaceAll(/^\[\w+\] /gm, ""));
} else {
  // Demos are bundled, which takes as long as the packages do; types are for those that pack and compile.
  const isOf = (folder: string) => choice.tests.some((test) => test.startsWith(folder));
  const isPublished = groups.some(
    ({ name, tests }) => name === "published" && tests.some((test) => choice.tests.includes(test)),
  );
  const tasks = isPublished ? ["build", "types"] : ["build"];
  const scope = isOf("apps/") || isOf("tooling/") ? [] : ["--filter=./packages/*"];
  run("turbo", ["run", ...tasks, ...scope, "--output-logs=errors-only"]);
  run("vitest", [values.watch ? "watch" : "run", ...(values.title ? ["-t", values.title] : [])], env);
}
