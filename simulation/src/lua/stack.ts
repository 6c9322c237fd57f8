import { writeNumber } from "../redis/numbers.ts";
import { isFailure, type Reply } from "../redis/reply.ts";
import { type LuaModule, type State, TYPE } from "./module.ts";

const SCRATCH = 1 << 16;

/** Moves values between JavaScript and the stack of a Lua state. */
export class Stack {
  readonly #names = new Map<string, number>();
  readonly #integers: bigint[] = Array.from({ length: 1_024 }, (_, n) => BigInt(n));
  readonly #scratch: number;
  readonly #size: number;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(
    private readonly lua: LuaModule,
    private readonly state: State,
  ) {
    this.#scratch = lua.malloc(SCRATCH);
    this.#size = lua.malloc(8);
  }

  /** A C string that is kept for good. */
  name(text: string): number {
    const known = this.#names.get(text);
    if (known !== undefined) return known;
    const at = this.lua.malloc(text.length + 1);
    this.#memory().write(`${text}\0`, at, "latin1");
    this.#names.set(text, at);
    return at;
  }

  /** Calls back with a copy of the text in the memory of the module. */
  withText<T>(text: string, use: (at: number, size: number) => T): T {
    const at = text.length <= SCRATCH ? this.#scratch : this.lua.malloc(text.length);
    this.#memory().write(text, at, "latin1");
    return use(at, text.length);
  }

  pushText(text: string): void {
    this.withText(text, (at, size) => this.lua.lua_pushlstring(this.state, at, size));
  }

  pushList(items: readonly string[]): void {
    this.lua.lua_createtable(this.state, items.length, 0);
    let index = 1;
    for (const item of items) {
      this.pushText(item);
      this.lua.lua_rawseti(this.state, -2, this.#integer(index++));
    }
  }

  pushField(name: string, text: string): void {
    this.pushText(text);
    this.lua.lua_setfield(this.state, -2, this.name(name));
  }

  /** What a command answered, as Redis converts it for Lua. */
  pushReply(reply: Reply): void {
    const { lua, state } = this;
    if (reply === null) lua.lua_pushboolean(state, 0);
    else if (typeof reply === "string") this.pushText(reply);
    else if (typeof reply === "number") lua.lua_pushinteger(state, this.#integer(reply));
    else if ("ok" in reply) this.#pushTagged("ok", reply.ok);
    else if (isFailure(reply)) this.#pushTagged("err", reply.err);
    else {
      lua.lua_createtable(state, reply.length, 0);
      for (const [index, item] of (reply as readonly Reply[]).entries()) {
        this.pushReply(item);
        lua.lua_rawseti(state, -2, this.#integer(index + 1));
      }
    }
  }

  /** A value of JSON. */
  pushJson(value: unknown): void {
    const { lua, state } = this;
    if (typeof value === "string") this.pushText(value);
    else if (typeof value === "number") lua.lua_pushnumber(state, value);
    else if (typeof value === "boolean") lua.lua_pushboolean(state, value ? 1 : 0);
    else if (Array.isArray(value)) {
      lua.lua_createtable(state, value.length, 0);
      for (const [index, item] of value.entries()) {
        this.pushJson(item);
        lua.lua_rawseti(state, -2, this.#integer(index + 1));
      }
    } else if (value === null) lua.lua_pushnil(state);
    else {
      lua.lua_createtable(state, 0, 0);
      for (const [name, item] of Object.entries(Object(value))) {
        this.pushJson(item);
        lua.lua_setfield(state, -2, this.name(name));
      }
    }
  }

  /** A string, or a number as Redis writes it for a command; undefined for anything else. */
  word(index: number): string | undefined {
    const type = this.lua.lua_type(this.state, index);
    if (type === TYPE.string) return this.text(index);
    return type === TYPE.number ? writeNumber(this.lua.lua_tonumberx(this.state, index, 0)) : undefined;
  }

  text(index: number): string {
    const at = this.lua.lua_tolstring(this.state, index, this.#size);
    const memory = this.#memory();
    return memory.toString("latin1", at, at + memory.readUInt32LE(this.#size));
  }

  /** What a script returned, as Redis converts it. */
  reply(index: number): Reply {
    const { lua, state } = this;
    switch (lua.lua_type(state, index)) {
      case TYPE.string:
        return this.text(index);
      case TYPE.number:
        return Math.trunc(lua.lua_tonumberx(state, index, 0));
      case TYPE.boolean:
        return lua.lua_toboolean(state, index) ? 1 : null;
      case TYPE.table:
        return this.#table(index);
      default:
        return null;
    }
  }

  /** A text field of the table at the top; undefined where it has none. */
  field(name: string): string | undefined {
    this.lua.lua_getfield(this.state, -1, this.name(name));
    const text = this.lua.lua_type(this.state, -1) === TYPE.string ? this.text(-1) : undefined;
    this.lua.lua_settop(this.state, -2);
    return text;
  }

  #table(index: number): Reply {
    const { lua, state } = this;
    const err = this.field("err");
    if (err !== undefined) return { err };
    const ok = this.field("ok");
    if (ok !== undefined) return { ok };
    const items: Reply[] = [];
    for (let n = 1; ; n++) {
      lua.lua_rawgeti(state, index, this.#integer(n));
      const isEnd = lua.lua_type(state, -1) === TYPE.nil;
      if (!isEnd) items.push(this.reply(lua.lua_gettop(state)));
      lua.lua_settop(state, -2);
      if (isEnd) return items;
    }
  }

  #pushTagged(name: string, text: string): void {
    this.lua.lua_createtable(this.state, 0, 1);
    this.pushField(name, text);
  }

  #integer(n: number): bigint {
    return this.#integers[n] ?? BigInt(n);
  }

  /** The memory moves when it grows. */
  #memory(): Buffer {
    const { buffer } = this.lua.memory;
    if (this.#bytes.buffer !== buffer) this.#bytes = Buffer.from(buffer);
    return this.#bytes;
  }
}
