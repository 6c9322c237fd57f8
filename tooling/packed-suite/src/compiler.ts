import ts from "typescript";

/**
 * Type-checks several programs that share most of what they read, such as the declarations of Node and of clients: each
 * file is parsed and bound once for all of them, as an editor does it.
 */
export class Compiler {
  readonly #parsed = new Map<string, ts.SourceFile | undefined>();

  /** What the compiler says of the files, with options as in a tsconfig.json of the folder: nothing, where all is well. */
  check(folder: string, files: readonly string[], compilerOptions: object): string {
    const config = ts.parseJsonConfigFileContent({ compilerOptions, files }, ts.sys, folder);
    const host = this.#hostOf(config.options, folder);
    const program = ts.createProgram({ rootNames: config.fileNames, options: config.options, host });
    return describe([...config.errors, ...ts.getPreEmitDiagnostics(program)], folder);
  }

  #hostOf(options: ts.CompilerOptions, folder: string): ts.CompilerHost {
    const host = ts.createCompilerHost(options);
    const parse = host.getSourceFile.bind(host);
    return {
      ...host,
      getCurrentDirectory: () => folder,
      getSourceFile: (name, how, ...others) => {
        const { languageVersion, impliedNodeFormat } =
          typeof how === "object" ? how : { languageVersion: how };
        const key = `${name} ${languageVersion} ${impliedNodeFormat}`;
        if (!this.#parsed.has(key)) this.#parsed.set(key, parse(name, how, ...others));
        return this.#parsed.get(key);
      },
    };
  }
}

function describe(diagnostics: readonly ts.Diagnostic[], folder: string): string {
  return ts.formatDiagnostics(diagnostics, {
    getCurrentDirectory: () => folder,
    getCanonicalFileName: (name) => name,
    getNewLine: () => "\n",
  });
}
