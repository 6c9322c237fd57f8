/** redlock 5 ships types that its own `exports` hide. */
declare module "redlock5" {
  interface Settings {
    readonly retryCount?: number;
    readonly retryDelay?: number;
    readonly retryJitter?: number;
    readonly automaticExtensionThreshold?: number;
  }
  export class Lock {
    readonly resources: string[];
    readonly value: string;
    readonly attempts: readonly unknown[];
    readonly expiration: number;
    constructor(
      redlock: Redlock,
      resources: string[],
      value: string,
      attempts: readonly unknown[],
      expiration: number,
    );
    extend(duration: number): Promise<Lock>;
    release(): Promise<unknown>;
  }
  export default class Redlock {
    constructor(clients: Iterable<object>, settings?: Settings);
    acquire(resources: string[], duration: number): Promise<Lock>;
    using<Result>(
      resources: string[],
      duration: number,
      routine: (signal: AbortSignal) => Promise<Result>,
    ): Promise<Result>;
  }
}
