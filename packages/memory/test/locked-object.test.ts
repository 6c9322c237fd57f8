import { createLocks } from "@lock/core";
import { inProcessBackend } from "@lock/core/in-process";
import { describe, expect, it } from "vitest";
import { lockMemory } from "../src/index.ts";

const locks = createLocks({ backend: inProcessBackend() });
const methods = { read: ["read"], write: ["write", "writeTwice"], none: ["size", "self"] };
const options = { locks, sessionId: "session", methods };

class Base {
  inherited() {
    return "inherited";
  }
}

class Store extends Base {
  #items: string[] = [];
  label = "a store";
  optional?: () => string;

  get count() {
    return this.#items.length;
  }

  set first(value: string) {
    this.#items = [value];
  }

  async read() {
    return this.#items;
  }

  async write(item: string) {
    this.#items.push(item);
  }

  async writeTwice(item: string) {
    await this.write(item);
    await this.write(item);
    return this;
  }

  size() {
    return this.#items.length;
  }

  self() {
    return this;
  }

  other() {
    return this.#items.length;
  }
}

describe("a locked object", () => {
  it("is called with its own `this`: private fields work, and inner calls lock nothing again", async () => {
    const locked = lockMemory(new Store(), options);
    await locked.writeTwice("a");
    expect(await locked.read()).toEqual(["a", "a"]);
  });

  it("is what it was: class, prototype, getters, setters, fields, names of methods", () => {
    const store = new Store();
    const locked = lockMemory(store, { ...options, unlisted: "none" });
    expect(locked).toBeInstanceOf(Store);
    expect(locked).toBeInstanceOf(Base);
    expect(locked.constructor).toBe(Store);
    locked.first = "x";
    locked.label = "renamed";
    expect([locked.count, store.count, store.label]).toEqual([1, 1, "renamed"]);
    expect(locked.inherited()).toBe("inherited");
    expect(locked.write.name).toBe("write");
    expect(locked.write).toBe(locked.write);
    expect(Object.keys(locked)).toEqual(Object.keys(store));
    expect(String(locked)).toBe(String(store));
  });

  it("has what it had, and has not what it had not", () => {
    const locked = lockMemory(new Store(), options);
    expect("read" in locked).toBe(true);
    expect("then" in locked).toBe(false);
    expect(Reflect.get(locked, "then")).toBeUndefined();
    expect("absent" in locked).toBe(false);
    expect(locked.optional).toBeUndefined();
    expect("withTurn" in locked).toBe(true);
  });

  it("keeps synchronous methods synchronous", () => {
    expect(lockMemory(new Store(), options).size()).toBe(0);
  });

  it("never hands out the object without locks", async () => {
    const locked = lockMemory(new Store(), options);
    expect(locked.self()).toBe(locked);
    expect(await locked.writeTwice("a")).toBe(locked);
  });

  it("takes a method that is put in place of another one", async () => {
    const locked = lockMemory(new Store(), options);
    await locked.write("a");
    expect(await locked.read()).toEqual(["a"]);
    locked.read = async () => ["another"];
    expect(await locked.read()).toEqual(["another"]);
  });
});

describe("a method that is in no list", () => {
  it("throws when it is called, before it does anything", () => {
    const locked = lockMemory(new Store(), options);
    expect(typeof locked.other).toBe("function");
    expect(() => locked.other()).toThrow(
      'lockMemory: the method "other" is in no list of the option methods',
    );
    expect(() => locked.other()).toThrow(expect.objectContaining({ code: "LOCK_USAGE" }));
    expect(() => locked.inherited()).toThrow(/"inherited"/);
  });

  it("is what unlisted says", async () => {
    expect(lockMemory(new Store(), { ...options, unlisted: "none" }).other()).toBe(0);
    for (const unlisted of ["read", "write"] as const) {
      const locked = lockMemory(new Store(), { ...options, unlisted });
      expect(await locked.withTurn(() => locked.other())).toBe(0);
      const result: unknown = locked.other();
      expect(result).toBeInstanceOf(Promise);
      expect(await result).toBe(0);
    }
  });

  it("may be what any object has", () => {
    const locked = lockMemory(new Store(), options);
    expect(locked.toString()).toBe("[object Object]");
    expect(Object.hasOwn(locked, "label")).toBe(true);
    expect(Object.hasOwn(locked, "label")).toBe(true);
    expect(JSON.stringify(locked)).toBe('{"label":"a store"}');
  });
});
