// Runs the real sealer process on a journal and keeps what it said; and asks git what it thinks of the result.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { ExecutionContext } from 'ava'
import type { Recovered, Sealed, SealerConfig } from '../../../evidence/seal/protocol.ts'
import { startSealer } from '../../../evidence/seal/spawn.ts'
import { JournalFixture, SessionFixture, box } from './journal-fixture.ts'

export interface Run { sealed: Sealed[]; recovered: Recovered | undefined; done: number[]; exit: string }

export function folders(t: ExecutionContext): SealerConfig {
  const dir = mkdtempSync(path.join(tmpdir(), 'countersign-seal-'))
  t.teardown(() => { rmSync(dir, { recursive: true, force: true }) })
  return { node: 'n1', journal: path.join(dir, 'journal'), evidence: path.join(dir, 'evidence'), sealer: path.join(dir, 'sealer') }
}

/** One run up to the place, ended by closing its stdin, or killed after some ms. */
export function run(config: SealerConfig, place: { segment: number; offset: number }, killAfterMs?: number): Promise<Run> {
  return new Promise((resolve) => {
    const seen: Run = { sealed: [], recovered: undefined, done: [], exit: '' }
    let timer: NodeJS.Timeout | undefined
    const sealer = startSealer(config, {
      message: (message) => {
        if ('sealed' in message) seen.sealed.push(message.sealed)
        else if ('recovered' in message) seen.recovered = message.recovered
        else seen.done.push(message.segment_done)
      },
      exited: (reason) => {
        clearTimeout(timer)
        resolve({ ...seen, exit: reason })
      },
    })
    sealer.durable(place.segment, place.offset)
    if (killAfterMs === undefined) sealer.end()
    else timer = setTimeout(() => { sealer.kill() }, killAfterMs)
  })
}

/** Every file below the folders that are evidence, by name, with a digest. Loose objects and packs are Git's own business; its refs are not. */
export function evidenceBytes(config: SealerConfig): Record<string, string> {
  const files = (folder: string): [string, string][] => readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && !entry.name.startsWith('tmp_obj_'))
    .map((entry) => [path.relative(config.evidence, path.join(entry.parentPath, entry.name)), createHash('sha256').update(readFileSync(path.join(entry.parentPath, entry.name))).digest('hex')])
  return Object.fromEntries(files(config.evidence).sort(([a], [b]) => (a < b ? -1 : 1)))
}

export function git(config: SealerConfig, ...args: string[]): string {
  const gitdir = path.join(config.evidence, 'log.git')
  const signers = path.join(config.sealer, 'allowed_signers')
  return execFileSync('git', ['--git-dir', gitdir, '-c', 'gpg.format=ssh', '-c', `gpg.ssh.allowedSignersFile=${signers}`, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Stock git finds nothing wrong with the objects, and every commit's signature good. */
export function gitAccepts(t: ExecutionContext, config: SealerConfig, commits: number): void {
  t.is(git(config, 'fsck', '--strict', '--no-dangling'), '')
  t.is(git(config, 'log', '--format=%G?', 'main'), 'G\n'.repeat(commits))
}

/** A small life of a node: two epochs' worth of sessions, batches with and without frames, several segments. Returns the frames' count. */
export function smallJournal(config: SealerConfig): { journal: JournalFixture; frames: number; sessions: SessionFixture[] } {
  const journal = new JournalFixture(config.journal)
  const node = new SessionFixture(1)
  const call = new SessionFixture(2)
  const long = new SessionFixture(3)
  journal.write([node.epoch(journal)])
  journal.cut(1)
  journal.write([call.open(journal), call.intent(), box(call, 0, 1, 700)])
  journal.write([call.outcome(1), long.open(journal), box(call, 2, 2, 80), box(long, 0, 0, 90)])
  journal.cut()
  journal.next()
  journal.cut()
  journal.write([call.intent(), long.intent(), long.intent(), box(long, 1, 2, 50)])
  journal.next()
  journal.write([call.outcome(3), call.close(), long.outcome(2)])
  journal.cut(3)
  return { journal, frames: 11, sessions: [node, call, long] }
}

export function overwrite(file: string, offset: number, bytes: Uint8Array): void {
  const whole = readFileSync(file)
  whole.set(bytes, offset)
  writeFileSync(file, whole)
}
