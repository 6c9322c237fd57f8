/** An AbortController that is made when its signal is asked for: most work never does, and it is not cheap. */
export class LazyAbort {
  #controller: AbortController | undefined;
  #aborted: { readonly reason: unknown } | undefined;

  /** `parent`: aborts this as well; it must not outlive the work, since its listener is not taken away. */
  constructor(private readonly parent?: AbortSignal) {}

  get aborted(): boolean {
    return this.#aborted !== undefined || this.parent?.aborted === true;
  }

  /** Why it was aborted; undefined while it was not. */
  get reason(): unknown {
    return this.#aborted?.reason ?? this.parent?.reason;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      const { parent } = this;
      const follow = () => this.abort(parent?.reason);
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted.reason);
      else if (parent?.aborted) follow();
      else parent?.addEventListener("abort", follow, { once: true });
    }
    return this.#controller.signal;
  }

  /** The first reason counts. */
  abort(reason: unknown): void {
    this.#aborted ??= { reason };
    this.#controller?.abort(reason);
  }
}
