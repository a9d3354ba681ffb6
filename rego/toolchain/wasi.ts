// The part of WASI preview 1 that a Go program without files needs: two pipes, a clock for durations, seeded randomness.
// No file, no directory, no network: whatever else the module imports answers ENOSYS.
const errnoSuccess = 0
const errnoBadf = 8
const errnoNosys = 52
const filetypeCharacterDevice = 2
// event.type of a clock subscription in poll_oneoff
const eventtypeClock = 0

export interface Pipes {
  /** Fills `into` from standard input and says how much; 0 at its end. May block. */
  read(into: Uint8Array): number
  write(fd: 1 | 2, bytes: Uint8Array): void
  /** Monotonic, ns. */
  nanoseconds(): bigint
}

/** Thrown out of the module by proc_exit. */
export class WasiExit extends Error {
  readonly status: number
  constructor(status: number) {
    super(`exit ${status}`)
    this.status = status
  }
}

/** Runs `module`'s `_start` with `args` and `environment` (`NAME=value`) to its end. @returns its exit status; throws what the engine throws (RangeError on a spent stack) */
export function runWasi(module: WebAssembly.Module, args: readonly string[], pipes: Pipes, environment: readonly string[] = []): number {
  const memory = { current: new WebAssembly.Memory({ initial: 0 }) }
  const known = wasiFunctions(memory, args, environment, pipes)
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {}
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    (imports[from] ??= {})[name] = known[name] ?? (() => errnoNosys)
  }
  const { exports } = new WebAssembly.Instance(module, imports)
  memory.current = exports['memory'] as WebAssembly.Memory
  try {
    (exports['_start'] as () => void)()
  } catch (error) {
    if (error instanceof WasiExit) return error.status
    throw error
  }
  return 0
}

function wasiFunctions(memory: { current: WebAssembly.Memory }, args: readonly string[], environment: readonly string[], pipes: Pipes): Record<string, (...values: never[]) => number> {
  // The buffer is replaced whenever the module grows its memory, so views are made per call.
  const view = () => new DataView(memory.current.buffer)
  const bytes = (at: number, length: number) => new Uint8Array(memory.current.buffer, at, length)
  const argv = terminated(args)
  const environ = terminated(environment)
  const putSizes = (list: readonly Uint8Array[], countAt: number, sizeAt: number) => {
    view().setUint32(countAt, list.length, true)
    view().setUint32(sizeAt, list.reduce((sum, one) => sum + one.length, 0), true)
    return errnoSuccess
  }
  const putList = (list: readonly Uint8Array[], pointersAt: number, textAt: number) => {
    let at = textAt
    list.forEach((one, i) => {
      view().setUint32(pointersAt + 4 * i, at, true)
      bytes(at, one.length).set(one)
      at += one.length
    })
    return errnoSuccess
  }
  let seed = 0x9e3779b9

  return {
    args_sizes_get: (countAt: number, sizeAt: number) => putSizes(argv, countAt, sizeAt),
    args_get: (pointersAt: number, textAt: number) => putList(argv, pointersAt, textAt),
    environ_sizes_get: (countAt: number, sizeAt: number) => putSizes(environ, countAt, sizeAt),
    environ_get: (pointersAt: number, textAt: number) => putList(environ, pointersAt, textAt),
    // Clock 0 is the wall clock: it stands at the Unix epoch, so that nothing can come to depend on the time of a build.
    clock_time_get(clock: number, _precision: bigint, at: number) {
      view().setBigUint64(at, clock === 0 ? 0n : pipes.nanoseconds(), true)
      return errnoSuccess
    },
    // Seeded, not random: Go only wants hash seeds, and the same request must take the same path.
    random_get(at: number, length: number) {
      for (const target = bytes(at, length); length-- > 0;) {
        seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
        target[length] = seed >>> 24
      }
      return errnoSuccess
    },
    fd_read(fd: number, vectorsAt: number, count: number, readAt: number) {
      if (fd !== 0) return errnoBadf
      let total = 0
      for (let i = 0; i < count; i++) {
        const length = view().getUint32(vectorsAt + 8 * i + 4, true)
        const got = pipes.read(bytes(view().getUint32(vectorsAt + 8 * i, true), length))
        total += got
        if (got < length) break
      }
      view().setUint32(readAt, total, true)
      return errnoSuccess
    },
    fd_write(fd: number, vectorsAt: number, count: number, writtenAt: number) {
      if (fd !== 1 && fd !== 2) return errnoBadf
      let total = 0
      for (let i = 0; i < count; i++) {
        const length = view().getUint32(vectorsAt + 8 * i + 4, true)
        pipes.write(fd, bytes(view().getUint32(vectorsAt + 8 * i, true), length))
        total += length
      }
      view().setUint32(writtenAt, total, true)
      return errnoSuccess
    },
    // Blocking flags, else Go would poll for readiness that never comes.
    fd_fdstat_get(fd: number, at: number) {
      if (fd > 2) return errnoBadf
      bytes(at, 24).fill(0)
      view().setUint8(at, filetypeCharacterDevice)
      view().setBigUint64(at + 8, 0xffffffffffffffffn, true)
      return errnoSuccess
    },
    fd_fdstat_set_flags: () => errnoSuccess,
    // No preopened directory: the first question ends Go's search.
    fd_prestat_get: () => errnoBadf,
    fd_close: () => errnoSuccess,
    sched_yield: () => errnoSuccess,
    // Go sleeps through this when all its goroutines wait: every clock is reported as rung at once.
    poll_oneoff(subscriptionsAt: number, eventsAt: number, count: number, happenedAt: number) {
      for (let i = 0; i < count; i++) {
        bytes(eventsAt + 32 * i, 32).fill(0)
        view().setBigUint64(eventsAt + 32 * i, view().getBigUint64(subscriptionsAt + 48 * i, true), true)
        view().setUint8(eventsAt + 32 * i + 10, eventtypeClock)
      }
      view().setUint32(happenedAt, count, true)
      return errnoSuccess
    },
    proc_exit(status: number): number {
      throw new WasiExit(status)
    },
  }
}

function terminated(list: readonly string[]): Uint8Array[] {
  return list.map(one => new TextEncoder().encode(`${one}\0`))
}
