// The embedded compiler in this thread: a generator asks, the compiler's own read of its standard input is what runs it. Without
// another process, and with V8's optimising tier, a case is compiled three times as fast as through `Toolchain`.
import { frame, FrameReader } from '../../../rego/toolchain/frame.ts'
import type { ToolchainAnswer, ToolchainRequest } from '../../../rego/toolchain/process.ts'
import { runWasi } from '../../../rego/toolchain/wasi.ts'

// Collected only when much is in use: a case leaves little behind.
const environment = ['GOGC=off', 'GOMEMLIMIT=192MiB']

/** Yields requests, is given answers, returns what it made of them. */
export type Asking<T> = Generator<ToolchainRequest, T, ToolchainAnswer>

export function drive<T>(compiler: WebAssembly.Module, asking: Asking<T>): T {
  let step = asking.next()
  while (!step.done) {
    let pending: Uint8Array | undefined
    let sent = 0
    let frames = new FrameReader()
    let stderr = ''
    try {
      runWasi(compiler, ['opa-toolchain', 'serve'], {
        read(into) {
          if (step.done) return 0
          pending ??= frame(new TextEncoder().encode(JSON.stringify(step.value)))
          const chunk = pending.subarray(sent, sent + into.length)
          into.set(chunk)
          sent += chunk.length
          return chunk.length
        },
        write(fd, bytes) {
          if (fd === 2) { stderr += new TextDecoder().decode(bytes); return }
          const whole = frames.push(bytes.slice())
          if (whole === undefined) return
          const answer = JSON.parse(new TextDecoder().decode(whole)) as ToolchainAnswer & { readonly fault?: string }
          pending = undefined
          sent = 0
          frames = new FrameReader()
          step = answer.fault === undefined ? asking.next(answer) : asking.throw(new Error(answer.fault))
        },
        nanoseconds: () => process.hrtime.bigint(),
      }, environment)
      if (!step.done) step = asking.throw(new Error(`the compiler ended: ${stderr.slice(0, 500)}`))
    } catch (error) {
      // A spent stack ends the instance; the next request finds a new one.
      if (!(error instanceof RangeError)) throw error
      step = asking.throw(error)
    }
  }
  return step.value
}
