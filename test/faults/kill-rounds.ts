// Rounds of load and kill -9, on one record: whatever a caller was told is done must be in it, and no claim of it may be false.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { family } from '../bench/processes.ts'
import type { Bank, Home } from '../e2e/gateway-kit.ts'
import { readFrames, verify } from '../e2e/recorded.ts'
import type { Verdict } from '../e2e/recorded.ts'
import { startProcess } from '../e2e/running.ts'
import type { Running } from '../e2e/running.ts'

export interface Rounds {
  readonly acknowledged: number
  /** Receipts of answered calls whose intent or outcome is not on record. */
  readonly missing: readonly string[]
  readonly fsck: string
  readonly verdict: Verdict
}

const callers = 6

/** Each round kills the gateway, or its sealer first, at a random time under load in both modes; the next starts on what is left. */
export async function killRounds(bank: Bank, rounds: number, say: (line: string) => void = () => undefined): Promise<Rounds> {
  const home = await bank.home()
  const [mcp, http] = [await bank.token(), await bank.token({ audience: 'ledger' })]
  const acknowledged: string[] = []
  for (let round = 0; round < rounds; round++) {
    const gateway = await startProcess(home)
    const before = acknowledged.length
    const load = Array.from({ length: callers }, (_, index) => callUntilGone(gateway, index % 2 === 0 ? mcp : undefined, http, acknowledged))
    await sleep(50 + Math.random() * 700)
    if (round % 2 === 1) {
      killSealer(gateway.pid)
      await sleep(50 + Math.random() * 500)
    }
    gateway.signal('SIGKILL')
    await Promise.all([gateway.ended, ...load])
    say(`round ${round + 1}: ${acknowledged.length - before} calls answered`)
  }
  const last = await startProcess(home)
  await last.stop()
  return { acknowledged: acknowledged.length, missing: missingFrom(home, acknowledged), fsck: fsck(home), verdict: await verify(home.directories) }
}

/** `bounded` reads when there is an MCP token, `strict` writes else; one after the other, until the gateway is gone. */
async function callUntilGone(gateway: Running, mcp: string | undefined, http: string, acknowledged: string[]): Promise<void> {
  for (;;) {
    try {
      const said = mcp !== undefined ? await gateway.tool(mcp, 'run_report', { report: 'load' })
        : await gateway.send('/ledger/transfers', { method: 'POST', token: http, headers: { 'content-type': 'application/json' }, body: '{"amount":5,"from":"a","to":"b"}' })
      if (said.status === 200 && said.receipt !== '') acknowledged.push(said.receipt)
    } catch {
      return
    }
  }
}

function missingFrom(home: Home, acknowledged: readonly string[]): string[] {
  const intents = new Set<string>()
  const outcomes = new Set<string>()
  for (const { session, seq, kind, ref } of readFrames(home.directories)) {
    if (kind === 'intent') intents.add(`${session}/${seq}`)
    if (kind === 'outcome') outcomes.add(`${session}/${ref}`)
  }
  return acknowledged.filter((receipt) => !intents.has(receipt) || !outcomes.has(receipt))
}

function fsck({ directories }: Home): string {
  return execFileSync('git', ['-C', path.join(directories.evidence, 'log.git'), 'fsck', '--strict', '--no-dangling'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
}

export function sealerOf(gateway: number): number | undefined {
  return family(gateway).slice(1).find((pid) => { try { return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('seal') } catch { return false } })
}

function killSealer(gateway: number): void {
  const sealer = sealerOf(gateway)
  if (sealer !== undefined) process.kill(sealer, 'SIGKILL')
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
