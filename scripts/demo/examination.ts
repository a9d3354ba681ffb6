// Step 8 of the tour: the examiner checks the record with a checkpoint kept outside the gateway's directory, then meets three tampered copies.
import fs from 'node:fs'
import path from 'node:path'
import { decodeSequence, encode } from '../../evidence/session/cbor.ts'
import type { CborValue } from '../../evidence/session/cbor.ts'
import { LogReader } from '../../evidence/repository/read.ts'
import { countersign } from './cast.ts'
import { node } from './configuration.ts'
import { forgeHistory } from './forgery.ts'
import type { Home } from './home.ts'
import type { Say } from './say.ts'
import { StartError } from './start-error.ts'

const sealTimeoutMs = 20_000
/** Ten years: this examiner comes when the demo is started, which may be once a month, and keeps no newer checkpoint. */
const maxTailS = 315_360_000
const branchFile = path.join('log.git', 'refs', 'heads', 'main')
const evidenceOf = (home: Home) => path.join(home.gateway, 'evidence')
const sealerOf = (home: Home) => path.join(home.gateway, 'sealer')

/** What an examiner keeps: the log's public key, and the first checkpoint of this demo's log, as it stood before any call of the tour. */
export async function keepCheckpoint(home: Home): Promise<void> {
  const kept = path.join(home.examiner, 'checkpoint')
  if (fs.existsSync(kept)) return
  const head = await new LogReader(evidenceOf(home)).head()
  if (head === undefined) throw new StartError('the gateway said it was ready without a sealed checkpoint')
  const read = (name: string) => fs.readFileSync(path.join(sealerOf(home), name), 'utf8')
  fs.writeFileSync(kept, head.note)
  fs.writeFileSync(path.join(home.examiner, 'trust.json'), `${JSON.stringify({ log: [read('log.vkey').trim()], allowed_signers: read('allowed_signers'), witnesses: { quorum: 0, keys: [] }, max_age_s: 60, max_tail_s: maxTailS }, null, 2)}\n`)
}

/** The calls of the tour are sealed by now. */
export async function examine(home: Home, say: Say): Promise<void> {
  const evidence = evidenceOf(home)
  const at = (name: string) => path.join(home.examiner, name)
  say.title('8. The examiner checks the record, holding the log\'s public key and a checkpoint kept outside the gateway\'s directory')
  fs.rmSync(at('session-keys.jsonl'), { force: true })
  const keys = await countersign(['evidence', 'export', '--keys', at('session-keys.jsonl'), path.join(home.gateway, 'keys')])
  say.expect('the session keys are exported to the examiner', keys.code === 0, keys.output)
  const outside = ['--trust', at('trust.json'), '--since', at('checkpoint')]
  const verify = (dir: string, ...flags: string[]) => countersign(['evidence', 'verify', ...flags, dir])
  const green = await verify(evidence, ...outside, '--keys', at('session-keys.jsonl'))
  say.line(green.output.trim())
  say.expect('the record is intact and complete (exit 0)', green.code === 0, `exit ${green.code}`)

  const free = (name: string) => {
    const target = path.join(home.examiner, name)
    fs.rmSync(target, { recursive: true, force: true })
    return target
  }
  const copy = (name: string) => {
    const target = free(name)
    // The gateway goes on sealing: what the copy's branch names must be in it.
    const main = fs.readFileSync(path.join(evidence, branchFile))
    fs.cpSync(evidence, target, { recursive: true })
    fs.writeFileSync(path.join(target, branchFile), main)
    return target
  }
  const flipped = copy('copy-with-a-flipped-byte')
  flipByte(largestLeaves(flipped))
  await caught(say, 'one flipped byte', await verify(flipped, ...outside), 'leaves.file')

  const shortened = copy('copy-without-a-session')
  removeSession(largestLeaves(shortened))
  await caught(say, 'a removed session', await verify(shortened, ...outside), 'leaves.file')

  const forged = free('copy-with-a-rewritten-history')
  await forgeHistory(evidence, sealerOf(home), node, forged, 0)
  const inside = await verify(forged)
  say.line(`a history rewritten and signed again with the log's own keys, checked with nothing from outside: exit ${inside.code}${inside.code === 3 ? ', "could have been rewritten"' : ', since a later epoch names what came before it'}`)
  await caught(say, 'a rewritten history, against the kept checkpoint', await verify(forged, ...outside), 'since.prefix')
  for (const name of [flipped, shortened, forged]) fs.rmSync(name, { recursive: true, force: true })
}

/** @param due what the first finding must be called: another one would be the copy's fault */
async function caught(say: Say, what: string, { code, output }: { code: number; output: string }, due: string): Promise<void> {
  const lines = output.split('\n')
  const at = lines.findIndex((line) => line.startsWith('False ('))
  const named = lines.slice(at + 1, at + 3).map((line) => line.trim()).join(': ')
  say.line(`${what}: ${named}`)
  say.expect(`${what} is caught and named (exit 1)`, code === 1 && named.endsWith(`[${due}]`), `exit ${code}: ${output}`)
}

/** Waits until `batches` more batches are sealed: what was recorded before now is in them. */
export async function sealed(home: Home, batches: number): Promise<void> {
  const log = new LogReader(evidenceOf(home))
  const from = (await log.head())?.checkpoint.size ?? 0
  for (const deadline = performance.now() + sealTimeoutMs; performance.now() < deadline;) {
    if (((await log.head())?.checkpoint.size ?? 0) >= from + batches) return
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  throw new StartError(`no batch was sealed within ${sealTimeoutMs / 1000} s`)
}

function largestLeaves(dir: string): string {
  const folder = path.join(dir, 'store', 'leaves')
  const files = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => path.join(folder, name)).filter((name) => name.endsWith('.cborseq'))
  return files.toSorted((a, b) => fs.statSync(b).size - fs.statSync(a).size)[0] ?? ''
}

/** Takes every frame of one caller's session out of a leaves object (FORMAT.md §3: member 2 is the session, member 5 the kind). */
function removeSession(file: string): void {
  const leaves = decodeSequence(fs.readFileSync(file)) as ReadonlyMap<number, CborValue>[]
  const opened = leaves.find((leaf) => leaf.get(5) === 1) ?? leaves[0]
  const session = Buffer.from(opened?.get(2) as Uint8Array)
  fs.writeFileSync(file, Buffer.concat(leaves.filter((leaf) => !session.equals(leaf.get(2) as Uint8Array)).map((leaf) => encode(leaf))))
}

function flipByte(file: string): void {
  const bytes = fs.readFileSync(file)
  bytes[Math.floor(bytes.length / 2)] = (bytes[Math.floor(bytes.length / 2)] ?? 0) ^ 1
  fs.writeFileSync(file, bytes)
}
