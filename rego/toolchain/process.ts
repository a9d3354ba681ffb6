// The compiler as a process of its own: a hostile policy can spend a process's time, memory and stack, never the caller's.
// Go cannot pre-empt itself in WebAssembly, so the deadline is kept here, by killing.
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import type { Socket } from 'node:net'
import path from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { PolicyError, type Finding } from '../errors.ts'
import { exitStatus, lifeline } from './exit-status.ts'
import { frame, FrameReader } from './frame.ts'

export const defaultDeadlineMs = 30_000
const maxStderrBytes = 64 * 1024
const progress = 'at '
// Of the functions that the digest vouches for most are never called, so they need no validation before. V8's optimising tier would
// compete with a single run for the same cores; who asks again and again is answered in half the time by it. Without the flags all works, slower.
const v8Flags = ['--wasm-lazy-validation']
const onceFlags = ['--liftoff-only']
// `.ts` in a checkout, `.js` in the npm package.
const childPath = fileURLToPath(new URL(`child${path.extname(import.meta.url)}`, import.meta.url))

export interface ToolchainRequest {
  readonly cmd: 'check' | 'bundle' | 'test' | 'fmt' | 'deps' | 'inspect' | 'explain' | 'eval' | 'capabilities' | 'version'
  /** Text by path: `*.rego`, `data.json|yaml`, `*.schema.json`. */
  readonly files?: Readonly<Record<string, string>>
  readonly capabilities?: unknown
  readonly entrypoints?: readonly string[]
  readonly optimize?: 0 | 1
  readonly revision?: string
  readonly metadata?: Readonly<Record<string, unknown>>
  /** Go (RE2) regular expression on a test's full name. */
  readonly filter?: string
  readonly coverage?: boolean
  readonly profile?: boolean
  readonly query?: string
  readonly inputs?: readonly unknown[]
}

export interface ToolchainAnswer { readonly findings: readonly Finding[]; readonly result: unknown }

interface Started {
  readonly process: ChildProcessByStdio<Writable, Readable, Readable>
  readonly frames: FrameReader
  /** What it said last of all that it is at: a file, a test, a stage. */
  at: string
  /** What else it said: why it ended. */
  stderr: string
}

/** One compiler process at a time, started when asked and again after any exit. Requests are answered in order. */
export class Toolchain implements Disposable {
  readonly #flags: readonly string[]
  #child: Started | undefined
  #queue: Promise<unknown> = Promise.resolve()

  /** @param isKept it will be asked the like many times: then code that is called often is optimised */
  constructor({ isKept = false }: { readonly isKept?: boolean } = {}) {
    this.#flags = isKept ? v8Flags : [...v8Flags, ...onceFlags]
  }

  /**
   * @param deadlineMs for this request alone, the start of the process included
   * @throws PolicyError ERR_TOOLCHAIN_DEADLINE, _MEMORY, _DIGEST or _FAULT; the next request finds a new process
   */
  request(request: ToolchainRequest, deadlineMs: number = defaultDeadlineMs): Promise<ToolchainAnswer> {
    const answered = this.#queue.then(() => this.#ask(request, deadlineMs))
    this.#queue = answered.catch(() => undefined)
    return answered
  }

  /** Of the process that runs now. */
  get pid(): number | undefined { return this.#child?.process.pid }

  [Symbol.dispose](): void {
    this.#child?.process.kill('SIGKILL')
    this.#child = undefined
  }

  #ask(request: ToolchainRequest, deadlineMs: number): Promise<ToolchainAnswer> {
    this.start()
    const started = this.#child
    if (started === undefined) throw new PolicyError('ERR_TOOLCHAIN_FAULT', 'the policy compiler could not be started')
    const { process: child, frames } = started
    started.at = ''
    hold(child, true)
    return new Promise((resolve, reject) => {
      const settle = (outcome: () => void) => {
        clearTimeout(timer)
        hold(child, false)
        child.stdout.removeAllListeners('data')
        child.removeAllListeners('close').removeAllListeners('error')
        outcome()
      }
      const fail = (error: PolicyError) => settle(() => {
        child.on('error', () => undefined)
        child.kill('SIGKILL')
        if (this.#child === started) this.#child = undefined
        reject(error)
      })
      const timer = setTimeout(() => fail(new PolicyError('ERR_TOOLCHAIN_DEADLINE', `the policy compiler did not answer within ${deadlineMs} ms${where(started)}`)), deadlineMs)
      child.on('error', cause => fail(new PolicyError('ERR_TOOLCHAIN_FAULT', 'the policy compiler could not be started', { cause })))
      // `close`, not `exit`: what it wrote on its way out says why.
      child.on('close', status => fail(exitError(status, started)))
      child.stdout.on('data', (chunk: Uint8Array) => {
        try {
          const bytes = frames.push(chunk)
          if (bytes === undefined) return
          const answer = parseAnswer(bytes)
          settle(() => resolve(answer))
        } catch (error) {
          fail(error instanceof PolicyError ? error : new PolicyError('ERR_TOOLCHAIN_FAULT', 'the policy compiler gave no answer that can be read', { cause: error }))
        }
      })
      child.stdin.write(frame(new TextEncoder().encode(JSON.stringify(request))))
    })
  }

  /** Starts the process where none runs, so that it unpacks the compiler while its caller reads files. It alone keeps no caller alive. */
  start(): void {
    if (this.#child !== undefined) return
    // The fourth is the lifeline; Node's types know of three.
    const child = spawn(process.execPath, [...this.#flags, childPath], { stdio: ['pipe', 'pipe', 'pipe', 'pipe'], env: {}, windowsHide: true }) as Started['process']
    const started: Started = { process: child, frames: new FrameReader(), at: '', stderr: '' }
    child.stderr.on('data', (chunk: Uint8Array) => hear(started, new TextDecoder().decode(chunk)))
    // A child that died while being written to is reported by its `close`.
    child.stdin.on('error', () => undefined)
    // One that died between requests is not asked again.
    child.on('exit', () => { if (this.#child === started) this.#child = undefined })
    this.#child = started
    hold(child, false)
  }
}

/** Whether this process waits for `child`: only while a request is on its way. A child whose pipes close ends by itself. */
function hold(child: Started['process'], isHeld: boolean): void {
  // Pipes to a child are sockets; Node's types say less.
  for (const one of [child, child.stdin, child.stdout, child.stderr, child.stdio[lifeline]] as unknown as Socket[]) {
    if (isHeld) one.ref()
    else one.unref()
  }
}

// `at <what>` lines are its progress (main.go), one before each file and test; all else is about its end.
function hear(started: Started, text: string): void {
  const lines = (started.stderr + text).split('\n')
  const rest = lines.filter((line, i) => i === lines.length - 1 || !line.startsWith(progress))
  started.at = lines.slice(0, -1).findLast(line => line.startsWith(progress))?.slice(progress.length) ?? started.at
  started.stderr = rest.join('\n').slice(0, maxStderrBytes)
}

function where({ at }: Started): string {
  return at === '' ? '' : `: it was at ${at}`
}

function exitError(status: number | null, started: Started): PolicyError {
  const { stderr } = started
  const cause = stderr === '' ? undefined : new Error(stderr.slice(0, 2000))
  if (status === exitStatus.digest) return new PolicyError('ERR_TOOLCHAIN_DIGEST', stderr, { cause })
  if (status === exitStatus.stack) return new PolicyError('ERR_TOOLCHAIN_FAULT', `the policy is nested too deeply for the compiler${where(started)}`, { cause })
  if (status === exitStatus.go && stderr.includes('out of memory')) return new PolicyError('ERR_TOOLCHAIN_MEMORY', `the policy needs more memory than the compiler may use (512 MiB)${where(started)}`, { cause })
  return new PolicyError('ERR_TOOLCHAIN_FAULT', `the policy compiler ended with status ${status ?? 'none'}${where(started)}`, { cause })
}

function parseAnswer(bytes: Uint8Array): ToolchainAnswer {
  // Written by the artefact, whose digest was verified: its shape is ours.
  const answer = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as { findings: Finding[]; result?: unknown; fault?: string }
  if (answer.fault !== undefined) throw new PolicyError('ERR_TOOLCHAIN_FAULT', `the policy compiler refused the request: ${answer.fault}`)
  return { findings: answer.findings, result: answer.result }
}
