export type MessageListener = (message: string) => void;

/** Short texts between processes. Each may be lost, late, told twice or forged. */
export interface Messages {
  /** Tells a text to all who hear the messages of this prefix. @throws LockBackendError */
  tell(prefix: string, message: string): Promise<void>;

  /**
   * Hears the messages of this prefix, until the returned function is called. Resolves when they come in, also where
   * they cannot. The listener must not throw.
   */
  hear(prefix: string, listener: MessageListener): Promise<() => void>;
}
