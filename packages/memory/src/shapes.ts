import { EventEmitter } from "node:events";
import { inspect } from "node:util";

/** Getters that make a stream when they are asked: they are known by their names, since asking may consume. */
const MAKES_STREAM = /^body$|streams?$/i;

/** Whether it is a stream, or a promise that has not settled. */
export function isUnfinished(value: unknown): boolean {
  const inside: object = Object(value);
  return isReadableStream(inside) || isAsyncIterable(inside) || isPending(inside);
}

/** Whether an object that is neither plain nor a list has something unfinished inside: nothing of it is called. */
export function hasUnfinished(value: object | null): boolean {
  if (value === null || value === Object.prototype || ArrayBuffer.isView(value)) return false;
  // A client or a socket lives longer than any turn.
  if (value instanceof EventEmitter) return false;
  const isOne = ([name, member]: [PropertyKey, PropertyDescriptor]) =>
    makesStream(name, member) || isUnfinished(member.value);
  return membersOf(value).some(isOne) || hasUnfinished(Object.getPrototypeOf(value));
}

export function membersOf(value: object): [PropertyKey, PropertyDescriptor][] {
  const members = Object.getOwnPropertyDescriptors(value) as Record<PropertyKey, PropertyDescriptor>;
  return Reflect.ownKeys(members).map((name) => [name, members[name] as PropertyDescriptor]);
}

export function makesStream(name: PropertyKey, { get }: PropertyDescriptor): boolean {
  return get !== undefined && MAKES_STREAM.test(String(name));
}

/** By what it shows of itself: a handler would make its failure look handled. */
export function isPending(value: unknown): value is Promise<unknown> {
  return value instanceof Promise && inspect(value, false, 0).includes("<pending>");
}

export function isReadableStream(value: object): value is ReadableStream {
  return typeof (value as Partial<ReadableStream>).getReader === "function";
}

export function isAsyncIterable(value: object): value is AsyncIterable<unknown> {
  return Symbol.asyncIterator in value;
}
