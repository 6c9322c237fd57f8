import { CommandError, type Reply } from "../redis/reply.ts";
import { type LuaModule, loadLua, REGISTRY, type State } from "./module.ts";
import { Stack } from "./stack.ts";
import type { ScriptHost, Vm } from "./vm.ts";

/** What Lua 5.4 lacks of what scripts may use in Redis, where Lua is 5.1. */
const AS_IN_REDIS = "unpack = table.unpack; math.pow = function(a, b) return a ^ b end";
const NOT_WORDS = "ERR Lua redis lib command arguments must be strings or integers";

/** Real Lua, in WebAssembly. One for all servers of a world: scripts leave nothing behind. */
export async function openWasmoon(): Promise<Vm> {
  return new WasmoonVm(await loadLua());
}

class WasmoonVm implements Vm {
  readonly #state: State;
  readonly #stack: Stack;
  readonly #programs = new Map<string, number>();
  #host: ScriptHost | undefined;

  constructor(private readonly lua: LuaModule) {
    this.#state = lua.luaL_newstate();
    this.#stack = new Stack(lua, this.#state);
    lua.luaL_openlibs(this.#state);
    this.#defineLibraries();
    lua.lua_rawgeti(this.#state, REGISTRY, BigInt(this.#compile(AS_IN_REDIS)));
    lua.lua_pcallk(this.#state, 0, 0, 0, 0, 0);
  }

  run(source: string, keys: readonly string[], args: readonly string[], host: ScriptHost): Reply {
    const { lua } = this;
    const L = this.#state;
    const program = this.#program(source);
    this.#stack.pushList(keys);
    lua.lua_setglobal(L, this.#stack.name("KEYS"));
    this.#stack.pushList(args);
    lua.lua_setglobal(L, this.#stack.name("ARGV"));
    lua.lua_rawgeti(L, REGISTRY, BigInt(program));
    this.#host = host;
    const hasFailed = lua.lua_pcallk(L, 0, 1, 0, 0, 0) !== 0;
    this.#host = undefined;
    const reply = this.#stack.reply(lua.lua_gettop(L));
    lua.lua_settop(L, 0);
    if (!hasFailed) return reply;
    throw new CommandError(typeof reply === "string" ? `ERR ${reply}` : failureOf(reply));
  }

  /** A comment in the first line tells apart scripts that are the same program: it is not compiled again. */
  #program(source: string): number {
    const text = source.replace(/^-- .*/, "--");
    const known = this.#programs.get(text);
    if (known !== undefined) return known;
    const program = this.#compile(text);
    this.#programs.set(text, program);
    return program;
  }

  #compile(source: string): number {
    const { lua } = this;
    const name = this.#stack.name("@user_script");
    const status = this.#stack.withText(source, (at, size) =>
      lua.luaL_loadbufferx(this.#state, at, size, name, 0),
    );
    if (status === 0) return lua.luaL_ref(this.#state, REGISTRY);
    const why = this.#stack.text(-1);
    lua.lua_settop(this.#state, 0);
    throw new CommandError(`ERR Error compiling script (new function): ${why}`);
  }

  #defineLibraries(): void {
    const { lua } = this;
    const L = this.#state;
    lua.lua_createtable(L, 0, 2);
    this.#define("call", () => this.#call(true));
    this.#define("pcall", () => this.#call(false));
    lua.lua_setglobal(L, this.#stack.name("redis"));
    lua.lua_createtable(L, 0, 1);
    this.#define("decode", () => this.#decode());
    lua.lua_setglobal(L, this.#stack.name("cjson"));
  }

  #define(name: string, call: () => number): void {
    this.lua.lua_pushcclosure(this.#state, this.lua.addFunction(call, "ii"), 0);
    this.lua.lua_setfield(this.#state, -2, this.#stack.name(name));
  }

  /** `redis.call`, which raises errors, and `redis.pcall`, which returns them. */
  #call(raises: boolean): number {
    const reply = this.#answer();
    this.#stack.pushReply(reply);
    const isError = typeof reply === "object" && reply !== null && "err" in reply;
    return isError && raises ? this.lua.lua_error(this.#state) : 1;
  }

  #answer(): Reply {
    const words: string[] = [];
    const count = this.lua.lua_gettop(this.#state);
    for (let index = 1; index <= count; index++) {
      const word = this.#stack.word(index);
      if (word === undefined) return { err: NOT_WORDS };
      words.push(word);
    }
    try {
      return this.#host?.call(words) ?? null;
    } catch (error) {
      if (error instanceof CommandError) return { err: error.message };
      throw error;
    }
  }

  #decode(): number {
    try {
      this.#stack.pushJson(JSON.parse(this.#stack.text(1)));
      return 1;
    } catch {
      this.#stack.pushText("Expected value but found invalid token");
      return this.lua.lua_error(this.#state);
    }
  }
}

function failureOf(reply: Reply): string {
  const isOne = typeof reply === "object" && reply !== null && "err" in reply;
  return isOne ? reply.err : "ERR unknown error";
}
