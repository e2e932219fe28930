/** Tells listeners that something changed; what it is they look up when they next draw. */
export class Changes {
  readonly #listeners = new Set<() => void>();

  /** Call `listener` at every change, until the function that this returns is called. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
