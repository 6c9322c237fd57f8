/** The same object, but something happens before one of its methods is called, and may prevent it by throwing. */
export function before<T extends object>(object: T, method: keyof T, happens: () => unknown): T {
  return around(object, method, async (call) => {
    await happens();
    return call();
  });
}

/** The same object, but something happens after one of its methods, and before its caller hears of it. */
export function after<T extends object>(object: T, method: keyof T, happens: () => unknown): T {
  return around(object, method, async (call) => {
    const result = await call();
    await happens();
    return result;
  });
}

/** The same object, but one of its methods is called by another function, which is given its arguments as well. */
export function around<T extends object>(
  object: T,
  method: keyof T,
  instead: (call: () => Promise<unknown>, ...args: unknown[]) => Promise<unknown>,
): T {
  return new Proxy(object, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      if (name !== method) return value.bind(target);
      return (...args: unknown[]) => instead(async () => value.apply(target, args), ...args);
    },
  });
}
