// A gateway that runs, and what a test does with it: calls through its doors, its record, its log, its end.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { pino } from 'pino'
import type { Disk } from '../../evidence/index.ts'
import { parseBootstrap } from '../../gateway/bootstrap.ts'
import { startGateway } from '../../gateway/gateway.ts'
import type { Home } from './gateway-kit.ts'
import { eventually, framesOf } from './recorded.ts'
import type { Frame } from './recorded.ts'

const launcher = path.join(import.meta.dirname, '..', '..', 'gateway', 'countersign.js')
/** For a machine with much else to do. */
const readyTimeoutMs = 100_000

export interface Running {
  readonly home: Home
  readonly url: string
  /** `host:port` of each listener, in the order of the bootstrap file. */
  readonly addresses: readonly string[]
  /** 0 when it runs in this process. */
  readonly pid: number
  /** Everything it logged. */
  log(): string
  /** MCP `tools/call`. */
  tool(token: string | undefined, name: string, args?: object): Promise<Answer>
  send(path: string, init?: RequestInit & { readonly token?: string | undefined }): Promise<Answer>
  /** The frame a receipt names, once it is sealed. */
  frame(receipt: string): Promise<Frame>
  frames(): Frame[]
  signal(name: NodeJS.Signals): void
  /** SIGTERM, or the composition root's close. @returns the exit code */
  stop(): Promise<number | null>
  readonly ended: Promise<number | null>
}

export interface Answer { readonly status: number; readonly headers: Headers; readonly text: string; readonly json: Json; readonly receipt: string }
/** What a test reads of an answer, the test checks. */
export interface Json { readonly [name: string]: Json | undefined }

export const mcpHeaders = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }

/** The production command. @throws with its standard error when it does not come up */
export async function startProcess(home: Home, environment: Readonly<Record<string, string>> = {}): Promise<Running> {
  const child = spawn(process.execPath, [launcher, 'gateway', '--config', home.config], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...environment } })
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  let log = ''
  child.stderr.on('data', (chunk: Buffer) => { log += chunk.toString() })
  const ready = Promise.withResolvers<{ listen: string[]; admin: string }>()
  const timer = setTimeout(() => ready.reject(new Error(`not ready: ${log}`)), readyTimeoutMs)
  void ended.then((code) => ready.reject(new StartFailed(code, log)))
  createInterface({ input: child.stdout }).on('line', (line) => {
    log += `${line}\n`
    if (line.includes('"msg":"ready"')) ready.resolve(JSON.parse(line) as { listen: string[]; admin: string })
  })
  try {
    const { listen } = await ready.promise
    return running(home, listen, child.pid ?? 0, () => log, ended, (name) => { end(child, name) }, async () => { end(child, 'SIGTERM'); return await ended })
  } catch (error) {
    end(child, 'SIGKILL')
    throw error
  } finally {
    clearTimeout(timer)
  }
}

export class StartFailed extends Error {
  readonly exitCode: number | null
  readonly stderr: string
  constructor(exitCode: number | null, stderr: string) {
    super(`the gateway ended with ${exitCode}: ${stderr}`)
    this.exitCode = exitCode
    this.stderr = stderr
  }
}

/** The composition root in this process, over a disk or a clock of the test's. */
export async function startHere(home: Home, { now = Date.now, journalDisk }: { readonly now?: () => number; readonly journalDisk?: Disk } = {}): Promise<Running> {
  let log = ''
  const gateway = await startGateway(parseBootstrap(fs.readFileSync(home.config, 'utf8'), home.config), {
    log: pino({ level: 'info' }, { write: (line: string) => { log += line } }), environment: {}, now, ...journalDisk === undefined ? {} : { journalDisk },
  })
  const ended = Promise.withResolvers<number | null>()
  let isStopping = false
  const stop = async () => {
    if (isStopping) return await ended.promise
    isStopping = true
    await gateway.close().then(() => ended.resolve(0), () => ended.resolve(1))
    return await ended.promise
  }
  return running(home, gateway.addresses, 0, () => log, ended.promise, (name) => { if (name === 'SIGHUP') void gateway.reload(); else void stop() }, stop)
}

function end(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.exitCode === null && child.signalCode === null) child.kill(name)
}

let lastId = 0

function running(home: Home, addresses: readonly string[], pid: number, log: () => string, ended: Promise<number | null>, signal: Running['signal'], stop: Running['stop']): Running {
  home.atEnd(stop)
  const url = `http://${addresses[0] ?? ''}`
  const frames = framesOf(home.directories)
  const send: Running['send'] = async (where, { token, headers, ...init } = {}) => {
    const response = await fetch(`${url}${where}`, { ...init, headers: { ...token === undefined ? {} : { authorization: `Bearer ${token}` }, ...headers as Record<string, string> } })
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, json: parsed(text), receipt: response.headers.get('countersign-frame') ?? '' }
  }
  return {
    home, url, addresses, pid, log, ended, signal, stop, send,
    tool: (token, name, args = {}) => send('/bank', { method: 'POST', token, headers: mcpHeaders, body: JSON.stringify({ jsonrpc: '2.0', id: ++lastId, method: 'tools/call', params: { name, arguments: args } }) }),
    frames,
    frame: (receipt) => eventually(() => frames().find(({ session, seq }) => `${session}/${seq}` === receipt), `frame ${receipt}`),
  }
}

function parsed(text: string): Json {
  try { return JSON.parse(text) as Json } catch { return {} as Json }
}
