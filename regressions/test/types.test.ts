import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, it } from "vitest";

describe("types", () => {
  it("redlock 5, mike-marcacci/node-redlock#173, mike-marcacci/node-redlock#307, redlock-universal: the types do not resolve under node16, under bundler, or from CommonJS", ({
    expect,
  }) => {
    const from = fileURLToPath(import.meta.url);
    const ways: [ts.ModuleResolutionKind, ts.ResolutionMode, RegExp][] = [
      [ts.ModuleResolutionKind.Node16, ts.ModuleKind.ESNext, /\.d\.ts$/],
      [ts.ModuleResolutionKind.Node16, ts.ModuleKind.CommonJS, /\.d\.cts$/],
      [ts.ModuleResolutionKind.Bundler, ts.ModuleKind.ESNext, /\.d\.ts$/],
      [ts.ModuleResolutionKind.Node10, undefined, /\.d\.ts$/],
    ];
    const entries = ["core", "core/ioredis", "core/node-redis", "core/quorum", "express", "bullmq", "memory"];
    for (const entry of entries) {
      for (const [moduleResolution, mode, file] of ways) {
        const options = { moduleResolution };
        const found = ts.resolveModuleName(
          `@lock/${entry}`,
          from,
          options,
          ts.sys,
          undefined,
          undefined,
          mode,
        );
        expect(found.resolvedModule?.resolvedFileName, `${entry} by ${moduleResolution}`).toMatch(file);
      }
    }
  });
});
