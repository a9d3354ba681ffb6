// The gateway of the demo: the production command, as a process of its own, with its log in a file.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { launcher } from './cast.ts'
import { StartError } from './start-error.ts'

const readyTimeoutMs = 120_000

export interface GatewayProcess { readonly pid: number; readonly readyMs: number; stop(): Promise<number | null>; readonly ended: Promise<number | null> }

export async function startGatewayProcess(configFile: string, logFile: string): Promise<GatewayProcess> {
  const startedAt = performance.now()
  const log = fs.createWriteStream(logFile, { flags: 'a' })
  const child = spawn(process.execPath, [launcher, 'gateway', '--config', configFile], { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => { errors = (errors + chunk.toString()).slice(-2_000); log.write(chunk) })
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new StartError(`the gateway was not ready after ${readyTimeoutMs / 1000} s; its log is ${logFile}`)), readyTimeoutMs)
    const fail = (code: number | null) => { clearTimeout(timer); reject(new StartError(`the gateway ended with ${code}: ${errors.trim() || `see ${path.relative('.', logFile)}`}`)) }
    child.once('exit', fail)
    createInterface({ input: child.stdout }).on('line', (line) => {
      log.write(`${line}\n`)
      if (line.includes('"msg":"ready"')) { clearTimeout(timer); child.off('exit', fail); resolve() }
    })
  })
  return { pid: child.pid ?? 0, readyMs: Math.round(performance.now() - startedAt), ended, stop: () => stop(child, ended) }
}

async function stop(child: ChildProcess, ended: Promise<number | null>): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
  return await ended
}
