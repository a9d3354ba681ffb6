// Child processes of the bench: started, spoken to by lines, their CPU time read from /proc, ended by their own pid.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'

export interface Peer { readonly pid: number; line(): Promise<string>; say(text: string): void; stop(): Promise<void> }

export function startPeer(command: string, args: readonly string[], environment: Record<string, string> = {}): Peer {
  const child: ChildProcess = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...environment } })
  const lines: string[] = []
  const waiting: ((line: string) => void)[] = []
  if (child.stdout === null || child.stdin === null) throw new Error('a peer has no pipes')
  const { stdin } = child
  createInterface({ input: child.stdout }).on('line', (line) => {
    const next = waiting.shift()
    if (next === undefined) lines.push(line)
    else next(line)
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  return {
    pid: child.pid ?? 0,
    line: () => new Promise((resolve) => { const line = lines.shift(); if (line === undefined) waiting.push(resolve); else resolve(line) }),
    say: (text) => void stdin.write(`${text}\n`),
    async stop() { if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM'); await ended },
  }
}

export const script = (name: string) => path.join(import.meta.dirname, name)

/** utime + stime of processes, µs (proc(5): fields 14 and 15, in ticks of 10 ms; read over seconds, so the tick does not matter). */
export function cpuMicroseconds(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')
    return sum + (Number(fields[11]) + Number(fields[12])) * 10_000
  }, 0)
}

/** The process and all below it. */
export function family(pid: number): number[] {
  const children = fs.readdirSync(`/proc/${pid}/task`).flatMap((task) => {
    try { return fs.readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number) } catch { return [] }
  })
  return [pid, ...children.flatMap(family)]
}

export function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
}

export const machine = () => `${os.availableParallelism()} × ${os.cpus()[0]?.model.trim() ?? 'unknown'}, Node ${process.versions.node}, Linux ${os.release()}`
