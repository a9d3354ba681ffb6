// Starts the sealer as a child process of its own, which alone reads the signing keys (protocol.ts). It inherits neither environment nor files of the gateway.
import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { durableDisk } from '../repository/durable-fs.ts'
import { maxMessageBytes, type SealerConfig, type SealerEvents, type SealerMessage, type StartSealer } from './protocol.ts'

const maxStderrBytes = 4_096

export const startSealer: StartSealer = (config, events) => {
  mkdirSync(config.sealer, { recursive: true, mode: 0o700 })
  const file = path.join(config.sealer, 'sealer.json')
  durableDisk.write(file, writeConfig(config), 0o600)
  // Sources are .ts in a checkout and .js in the package.
  const program = fileURLToPath(new URL(`./main${path.extname(import.meta.url)}`, import.meta.url))
  const child = spawn(process.execPath, [program, file], { stdio: ['pipe', 'pipe', 'pipe'], env: {} })
  let stderr = ''
  let isOver = false
  const over = (reason: string): void => {
    if (isOver) return
    isOver = true
    events.exited(reason)
  }
  child.stdin.on('error', () => { /* told by its exit */ })
  child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr = (stderr + text).slice(-maxStderrBytes) })
  readMessages(child.stdout, events, (what) => {
    stderr = what
    child.kill('SIGKILL')
  })
  child.on('error', (cause) => over(`could not be started: ${cause.message}`))
  // `close`, not `exit`: everything it said has been read by then.
  child.on('close', (code, signal) => over(`${signal === null ? `exit ${code ?? '?'}` : signal}${lastLine(stderr)}`))
  return {
    durable: (segment, offset) => { if (child.stdin.writable) child.stdin.write(`durable ${segment} ${offset}\n`) },
    end: () => { child.stdin.end() },
    kill: () => { child.kill('SIGKILL') },
  }
}

function readMessages(stdout: NodeJS.ReadableStream, events: SealerEvents, broken: (what: string) => void): void {
  let parts: string[] = []
  let length = 0
  stdout.setEncoding('utf8')
  stdout.on('data', (text: string) => {
    for (let rest = text; rest !== '';) {
      const end = rest.indexOf('\n')
      const part = end < 0 ? rest : rest.slice(0, end)
      rest = end < 0 ? '' : rest.slice(end + 1)
      parts.push(part)
      length += part.length
      if (length > maxMessageBytes) return broken('a message of the sealer is too long')
      if (end < 0) return
      const line = parts.join('')
      parts = []
      length = 0
      let message: SealerMessage
      // The sealer is this program's other half, not an outsider: what parses is what protocol.ts says.
      try { message = JSON.parse(line) as SealerMessage } catch { return broken('a message of the sealer is not JSON') }
      events.message(message)
    }
  })
}

function writeConfig({ node, journal, evidence, sealer }: SealerConfig): string {
  return `${JSON.stringify({ node, journal, evidence, sealer }, undefined, 2)}\n`
}

function lastLine(text: string): string {
  const line = text.trimEnd().split('\n').at(-1)
  return line ? `: ${line}` : ''
}
