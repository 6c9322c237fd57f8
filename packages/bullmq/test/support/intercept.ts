/** The same object, but something happens before one of its methods is called. */
export function before<T extends object>(
  object: T,
  method: keyof T,
  happens: (...args: unknown[]) => unknown,
): T {
  return new Proxy(object, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      if (name !== method) return value.bind(target);
      return async (...args: unknown[]) => {
        await happens(...args);
        return value.apply(target, args);
      };
    },
  });
}
