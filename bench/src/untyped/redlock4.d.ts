/** redlock 4 ships no types. */
declare module "redlock4" {
  interface Options {
    readonly retryCount?: number;
    readonly retryDelay?: number;
    readonly retryJitter?: number;
  }
  export default class Redlock {
    constructor(clients: readonly object[], options?: Options);
    lock(resource: string, ttl: number): Promise<{ unlock(): Promise<unknown> }>;
  }
}
