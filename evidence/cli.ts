// `countersign evidence …`: what is on record, replayed, proven, exported, and verified. Everything here only reads the evidence directory.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Command } from 'commander'
import { EvidenceError } from './errors.ts'
import { readBundles, redecide } from './audit/redecide.ts'
import { Recording } from './audit/recording.ts'
import { countRules, type RuleCounts } from './audit/rule-counts.ts'
import { recordedDecision, type RecordedDecision } from './audit/recorded-decision.ts'
import { listSessions } from './audit/sessions.ts'
import { checkFrameProof } from './audit/frame-proof.ts'
import { policyOf } from './audit/policy-of.ts'
import { frameAsData, frameInFull, frameLine, markUnended, provenLines, sessionLine } from './audit/show.ts'
import type { ExportFlags } from './audit/replay/cli.ts'
import { exportSessionKeys } from './keys/store.ts'
import { exportTlog, proveFrame } from './repository/export.ts'
import { parseSessionKeys } from './verify/session-keys.ts'
import { parseTrust } from './verify/trust.ts'

interface ReadOptions { readonly keys?: string; readonly json?: true }

const keysOption = ['--keys <file>', 'session keys, as `evidence export --keys` writes them; without it contents stay shut'] as const
const jsonOption = ['--json', 'as data'] as const

/** `countersign policy replay` needs policies and what is on record: it lives here, and is mounted there. */
export const loadReplayCommand = async (): Promise<(policy: Command) => void> => (await import('./audit/replay/cli.ts')).replayCommand

/** Mounts the commands under `countersign evidence`. */
export function evidenceCommands(program: Command): void {
  const evidence = program.command('evidence').description('what happened, checkable without trusting the gateway').addHelpText('after', `
Examples, in an auditor's order:
  countersign evidence export --keys keys.jsonl gateway/keys                              what opens contents
  countersign evidence ls --keys keys.jsonl evidence                                      sessions: who, when, how many calls
  countersign evidence show --keys keys.jsonl 01a2 evidence                               its frames; 01a2 is the start of its id
  countersign evidence show --keys keys.jsonl 01a2/7 evidence                             one call, what was decided, and who stands behind the policy
  countersign evidence redecide --keys keys.jsonl --bundles gateway/state/bundles evidence   every decision made again
  countersign evidence verify --trust trust.json --since kept-checkpoint evidence         the record as a whole`)

  evidence.command('ls').description('list the sessions of a record').argument('<dir>', 'evidence directory: log.git and store')
    .option(...keysOption).option(...jsonOption)
    .action((dir: string, options: ReadOptions) => {
      using recording = openRecording(dir, options)
      const sessions = listSessions(recording)
      print(options.json === true ? JSON.stringify(sessions) : sessions.map(sessionLine).join('\n') || 'no sessions')
    })

  evidence.command('show').description('list a session\'s frames, or show one in full').argument('<session[/seq]>', 'session id or the start of one').argument('<dir>', 'evidence directory')
    .option(...keysOption).option(...jsonOption)
    .action((what: string, dir: string, options: ReadOptions) => {
      using recording = openRecording(dir, options)
      const { session, seq } = findSession(recording, what)
      const frames = [...markUnended(() => recording.frames(session))].filter((frame) => seq === undefined || frame.seq === seq)
      if (frames.length === 0) throw new EvidenceError('ERR_EVIDENCE_NOT_FOUND', `there is no frame ${what}`)
      if (options.json === true) print(JSON.stringify(frames.map(frameAsData)))
      else print(frames.map((frame) => seq === undefined ? frameLine(frame) : frameInFull(frame, policyOf(recording, frame))).join('\n'))
    })

  evidence.command('replay').description('tell a session from open to close').argument('<session>', 'session id or the start of one').argument('<dir>', 'evidence directory')
    .option(...keysOption).option(...jsonOption)
    .action((what: string, dir: string, options: ReadOptions) => {
      using recording = openRecording(dir, options)
      const { session } = findSession(recording, what)
      for (const frame of markUnended(() => recording.frames(session))) print(options.json === true ? JSON.stringify(frameAsData(frame)) : frameInFull(frame))
    })

  evidence.command('redecide').description('make every recorded decision again from its recorded input and bundle').argument('<dir>', 'evidence directory')
    .requiredOption('--bundles <dir>', 'folder of policy bundles; found by their digests').requiredOption('--keys <file>', 'session keys').option(...jsonOption)
    .addHelpText('after', '\nExit status: 0 every decision came out the same; 1 one did not, or its policy was never in force; 2 could not run; 3 one could not be made again: its bundle or its key is not there.')
    .action((dir: string, options: ReadOptions & { bundles: string }) => {
      using recording = openRecording(dir, options)
      const counts: Record<string, number> = {}
      for (const one of redecide(recording, readBundles(options.bundles))) {
        counts[one.outcome] = (counts[one.outcome] ?? 0) + 1
        if (options.json === true) print(JSON.stringify(one))
        else if (one.outcome !== 'same') print(`${one.session}/${one.seq}  ${one.outcome}  ${one.message}`)
      }
      if (options.json !== true) print(Object.keys(counts).length === 0 ? 'no decisions on record' : `recorded decisions, made again: ${Object.entries(counts).map(([outcome, count]) => `${count} ${outcome}`).join(', ')}`)
      if ((counts['different'] ?? 0) + (counts['failed'] ?? 0) + (counts['not_in_force'] ?? 0) > 0) process.exitCode = 1
      else if ((counts['no_bundle'] ?? 0) + (counts['not_opened'] ?? 0) > 0) process.exitCode = 3
    })

  evidence.command('verify').description('check every claim of a record').argument('<dir>', 'evidence directory')
    .option('--trust <file>', 'trust file of the examiner: log keys, commit signers, witnesses, ages')
    .option('--since <checkpoint>', 'a checkpoint kept outside: the record must go on from it')
    .option(...keysOption).option('--at <time>', 'the time the verdict is for (default: now)').option(...jsonOption)
    .addHelpText('after', `
Exit status: 0 intact, complete, and outside as the trust file asks; 1 a claim is false; 2 could not run; 3 incomplete or under-witnessed.

Examples:
  countersign evidence verify --trust trust.json --since kept-checkpoint evidence
  countersign evidence verify --keys keys.jsonl --json evidence`)
    .action((dir: string, options: ReadOptions & { trust?: string; since?: string; at?: string }) => verifyInChild(dir, options))

  evidence.command('prove').description('prove one frame under the newest checkpoint: JSON that check-proof needs nothing but the log\'s key for').argument('<session/seq>', 'session id or the start of one, and seq').argument('<dir>', 'evidence directory')
    .option('--tlog-proof', 'only the C2SP .tlog-proof of the frame\'s batch')
    .action(async (what: string, dir: string, options: { tlogProof?: true }) => {
      using recording = openRecording(dir, {})
      const { session, seq } = findSession(recording, what)
      if (seq === undefined) throw new EvidenceError('ERR_EVIDENCE_NOT_FOUND', 'say which frame: SESSION/SEQ')
      const proof = await proveFrame(dir, Buffer.from(session, 'hex'), seq)
      if (options.tlogProof === true) process.stdout.write(proof.proof)
      else print(JSON.stringify(proof, undefined, 2))
    })

  evidence.command('check-proof').description('check a proof that `prove` wrote, without the record').argument('<file>', 'the proof')
    .requiredOption('--trust <file>', 'trust file of the examiner: the log\'s keys')
    .option(...jsonOption)
    .addHelpText('after', `
Exit status: 0 the frame is on record; 1 the proof does not hold; 2 could not run.

Examples:
  countersign evidence prove 01a2/7 evidence > proof.json
  countersign evidence check-proof --trust trust.json proof.json`)
    .action((file: string, { trust, json }: { trust: string; json?: true }) => {
      const { logKeys } = parseTrust(readFileSync(trust, 'utf8'), { vkey: '', allowedSigners: '' })
      const text = readFileSync(file, 'utf8')
      try {
        const proven = checkFrameProof(text, logKeys)
        print(json === true ? JSON.stringify({ holds: true, ...proven, time: new Date(proven.time).toISOString() }) : provenLines(proven))
      } catch (error) {
        if (!(error instanceof EvidenceError)) throw error
        print(json === true ? JSON.stringify({ holds: false, code: error.code, message: error.message }) : `DOES NOT HOLD: ${error.message}`)
        process.exitCode = 1
      }
    })

  evidence.command('export').description('write the log as C2SP tiles, the session keys, or a replay corpus').argument('<dir>', 'evidence directory; with --keys alone, the gateway\'s key directory')
    .option('--tlog <out>', 'folder to write the log to, as C2SP tiles with its verifier key beside them')
    .option('--keys <file>', 'alone: file to write the session keys to; with --replay-corpus: session keys to read')
    .option('--replay-corpus <out>', 'file to write the decided calls to, for `policy replay`: who called is pseudonymous')
    .option('--bundles <dir>', 'with --replay-corpus: folder of policy bundles; found by their digests').option('--trust <file>', 'with --replay-corpus: trust file of the examiner')
    .option('--since <time>', 'with --replay-corpus: calls from then').option('--until <time>', 'with --replay-corpus: calls before then')
    .option('--sign <key>', 'with --replay-corpus: an Ed25519 PEM, or any key that ssh-keygen signs with').option('--real-identities', 'with --replay-corpus: names as recorded; it stays inside')
    .addHelpText('after', `
Examples:
  countersign evidence export --keys keys.jsonl gateway/keys
  countersign evidence export --replay-corpus corpus.jsonl --keys keys.jsonl --bundles gateway/state/bundles --sign exporter.pem evidence`)
    .action(async (dir: string, flags: Partial<ExportFlags> & { tlog?: string }) => {
      const { tlog, keys, replayCorpus } = flags
      if (replayCorpus !== undefined && tlog === undefined) {
        print((await import('./audit/replay/cli.ts')).exportCorpus(dir, { ...flags, replayCorpus }))
        return
      }
      const meantForCorpus = (['bundles', 'trust', 'since', 'until', 'sign', 'realIdentities'] as const).find((name) => flags[name] !== undefined)
      if (meantForCorpus !== undefined || (tlog === undefined) === (keys === undefined)) throw new EvidenceError('ERR_EVIDENCE_NOT_FOUND', 'say one of --tlog, --keys and --replay-corpus; the other options go with --replay-corpus')
      if (tlog !== undefined) {
        const { size, origin } = await exportTlog(dir, tlog)
        print(`${tlog}: ${size} entries of ${origin}`)
      } else if (keys !== undefined) {
        if (!existsSync(path.join(dir, 'kek'))) throw new EvidenceError('ERR_EVIDENCE_KEY', `${dir} is not the gateway's key directory (directories.keys of its bootstrap file): it holds no kek`)
        writeFileSync(keys, [...exportSessionKeys(dir)].join(''), { mode: 0o600, flag: 'wx' })
        print(`${keys}: session keys; whoever holds this file reads every body`)
      }
    })
}

/** For the policy's handbook: how often each rule is in a recorded decision. @throws EvidenceError */
export function ruleCounts(dir: string, keys: string | undefined): Promise<RuleCounts> {
  using recording = openRecording(dir, keys === undefined ? {} : { keys })
  return Promise.resolve(countRules(recording))
}

/** For `policy explain`. @throws EvidenceError */
export function readDecision({ directory, keys, session: start, seq }: { readonly directory: string; readonly keys: string; readonly session: string; readonly seq: number }): Promise<RecordedDecision> {
  using recording = openRecording(directory, { keys })
  return Promise.resolve(recordedDecision(recording, findSession(recording, start).session, seq))
}

/** The verdict is reached in a process that can read the record and nothing else: no sockets, no writes, no children (Node's permission model). */
function verifyInChild(dir: string, options: ReadOptions & { trust?: string; since?: string; at?: string }): Promise<void> {
  const { trust, since, keys, at, json } = options
  const folder = path.join(import.meta.dirname, 'verify')
  const flags = Object.entries({ trust, since, keys, at }).flatMap(([name, value]) => value === undefined ? [] : [`--${name}`, name === 'at' ? value : real(value)])
  const readable = [folder, dir, trust, since, keys].filter((name) => name !== undefined).map((name) => `--allow-fs-read=${real(name)}`)
  // `.ts` in a checkout, `.js` in the package.
  const program = path.join(folder, `main${path.extname(import.meta.filename)}`)
  const child = spawn(process.execPath, ['--permission', ...readable, program, ...flags, ...(json === true ? ['--json'] : []), '--', real(dir)], { stdio: ['ignore', 'inherit', 'inherit'] })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => { process.exitCode = code ?? 2; resolve() })
  })
}

/** Permission is granted to real paths; one that is not there is named by the child. */
function real(name: string): string {
  try { return realpathSync(name) } catch { return path.resolve(name) }
}

function openRecording(dir: string, { keys }: ReadOptions): Recording {
  return new Recording(dir, keys === undefined ? undefined : parseSessionKeys(readFileSync(keys, 'utf8')))
}

/** `SESSION` or `SESSION/SEQ`, the session by its whole id or a start of at least four digits that only it has. */
function findSession(recording: Recording, what: string): { readonly session: string; readonly seq: number | undefined } {
  const [, start, seq] = /^([0-9a-f]{4,32})(?:\/(\d{1,15}))?$/.exec(what) ?? []
  if (start === undefined) throw new EvidenceError('ERR_EVIDENCE_NOT_FOUND', 'a session is named by its id in hex, or the first four digits or more, and a frame by SESSION/SEQ')
  const found = start.length === 32 ? new Set([start]) : new Set([...recording.frames()].flatMap(({ session }) => session.startsWith(start) ? [session] : []))
  const [session] = found
  if (session === undefined || found.size > 1) throw new EvidenceError('ERR_EVIDENCE_NOT_FOUND', found.size > 1 ? `${found.size} sessions begin with ${start}` : `there is no session ${start}`)
  return { session, seq: seq === undefined ? undefined : Number(seq) }
}

/** What nobody vouched for steers no terminal; in JSON the escapes mean the same characters. */
function print(text: string): void { process.stdout.write(`${text.replace(steering, escaped)}\n`) }

const steering = /[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}]/gu

function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')
}
