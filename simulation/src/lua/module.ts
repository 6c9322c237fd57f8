import { LuaFactory } from "wasmoon";

/** A pointer into the memory of the module. */
type Pointer = number;
/** A `lua_State*`. */
export type State = Pointer;

/** The memory, and what is used of the C interface of Lua 5.4, by its names in C. Numbers that are 64-bit integers in C are BigInt. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  malloc(bytes: number): Pointer;
  luaL_newstate(): State;
  luaL_openlibs(L: State): void;
  luaL_loadbufferx(L: State, text: Pointer, size: number, name: Pointer, mode: Pointer): number;
  luaL_ref(L: State, table: number): number;
  lua_pcallk(L: State, args: number, results: number, handler: number, context: number, k: Pointer): number;
  lua_error(L: State): number;
  lua_gettop(L: State): number;
  lua_settop(L: State, top: number): void;
  lua_type(L: State, index: number): number;
  lua_tolstring(L: State, index: number, size: Pointer): Pointer;
  lua_tonumberx(L: State, index: number, isNumber: Pointer): number;
  lua_toboolean(L: State, index: number): number;
  lua_pushnil(L: State): void;
  lua_pushboolean(L: State, value: number): void;
  lua_pushnumber(L: State, value: number): void;
  lua_pushinteger(L: State, value: bigint): void;
  lua_pushlstring(L: State, text: Pointer, size: number): Pointer;
  lua_pushcclosure(L: State, call: Pointer, upvalues: number): void;
  lua_createtable(L: State, items: number, fields: number): void;
  lua_rawseti(L: State, index: number, n: bigint): void;
  lua_rawgeti(L: State, index: number, n: bigint): number;
  lua_setfield(L: State, index: number, name: Pointer): void;
  lua_getfield(L: State, index: number, name: Pointer): number;
  lua_setglobal(L: State, name: Pointer): void;
}

/** Besides, what the module has of JavaScript. */
export interface LuaModule extends Exports {
  addFunction(call: (L: State) => number, signature: string): Pointer;
}

/**
 * Takes what wasmoon's module exports as it comes out of WebAssembly: each of its wrappers, also of single functions, looks
 * for its function by name in each call, which takes longer than most of the functions.
 */
export async function loadLua(): Promise<LuaModule> {
  // Its types are those of browsers.
  const wasm = Reflect.get(globalThis, "WebAssembly") as WebAssembler;
  const { instantiate } = wasm;
  let exports: Exports | undefined;
  try {
    wasm.instantiate = async (...args) => {
      const made = await instantiate(...args);
      exports = made.instance.exports;
      return made;
    };
    const { module } = await new LuaFactory().getLuaModule();
    if (exports === undefined) throw new Error("wasmoon does not load Lua as it did");
    return { ...(exports as Exports), addFunction: (call, signature) => module.addFunction(call, signature) };
  } finally {
    wasm.instantiate = instantiate;
  }
}

interface WebAssembler {
  instantiate(...args: unknown[]): Promise<{ readonly instance: { readonly exports: Exports } }>;
}

export const TYPE = { nil: 0, boolean: 1, number: 3, string: 4, table: 5 } as const;

/** The table that only C sees. */
export const REGISTRY = -1_001_000;
