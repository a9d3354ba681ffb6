// What was opened so far, closed in the reverse order: AsyncDisposableStack with the same verbs, because Node 22 has none
// and the npm tarball runs there (`await using` itself is lowered by tsc).

type Undo = () => unknown

/** Owned by the function that opens things; `move()` hands them to the one that will close them. */
export class Cleanup implements AsyncDisposable {
  #undo: Undo[] = []

  /** Disposed of with the rest, by its own method. */
  use<T extends Disposable | AsyncDisposable>(resource: T): T {
    this.#undo.push(Symbol.asyncDispose in resource ? () => resource[Symbol.asyncDispose]() : () => resource[Symbol.dispose]())
    return resource
  }

  /** For what has no method of its own. */
  adopt<T>(resource: T, close: (resource: T) => unknown): T {
    this.#undo.push(() => close(resource))
    return resource
  }

  defer(undo: Undo): void {
    this.#undo.push(undo)
  }

  /** Everything opened so far under a new owner; this one then has nothing left to close. */
  move(): Cleanup {
    const next = new Cleanup()
    next.#undo = this.#undo
    this.#undo = []
    return next
  }

  /** Last opened, first closed, and each of them whatever the others do; once. @throws the first failure, or AggregateError of several */
  async disposeAsync(): Promise<void> {
    const failures: unknown[] = []
    for (let undo = this.#undo.pop(); undo !== undefined; undo = this.#undo.pop()) {
      try {
        await undo()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 1) throw new AggregateError(failures, 'several things could not be closed')
    if (failures.length === 1) throw failures[0]
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.disposeAsync()
  }
}
