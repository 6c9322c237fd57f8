/** redlock 5 ships types that its own `exports` hide. */
declare module "redlock5" {
  interface Settings {
    readonly retryCount?: number;
    readonly retryDelay?: number;
    readonly retryJitter?: number;
  }
  export default class Redlock {
    constructor(clients: Iterable<object>, settings?: Settings);
    acquire(resources: string[], duration: number): Promise<{ release(): Promise<unknown> }>;
  }
}
