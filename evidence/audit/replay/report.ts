// The report as data: its JSON form is the contract, the others are written from it. Every word in it that a policy may have computed went
// through the vocabulary; no message of a rule and no value of an input is in it.
import { hash } from 'node:crypto'
import type { Corpus } from './corpus.ts'
import type { Cost } from './cost.ts'
import type { Differential } from './differential.ts'
import type { Gate } from './gate.ts'
import type { ReplayResult } from './replay.ts'
import { isFired } from './rule-ids.ts'
import type { RuleId } from './rule-ids.ts'
import type { FlipEntry } from './tally.ts'
import type { Unproven } from './unproven.ts'
import { newlyRead } from './unseen.ts'
import { computed } from './vocabulary.ts'
import type { Vocabulary } from './vocabulary.ts'
import type { PolicyVersion } from './version.ts'

type Counted = readonly (readonly [string, number])[]

/** An entry of the tally in words that may be printed: samples stand for places, subjects are columns, paths and classes of a mask, a limit's name, approvers that came or went. */
export type ReportedFlip = Omit<FlipEntry, 'places'> & { readonly samples: readonly Sample[] }

/** Where to look, for who holds the corpus and the record. */
export interface Sample { readonly row: number; readonly batch: number; readonly frame: number; readonly calls: number; readonly reads: readonly string[] }

export interface ReportedVersion { readonly kind: PolicyVersion['kind']; readonly revision: string; readonly bundle: string; readonly behaviour: string; readonly wasm_bytes: number; readonly builtins: readonly string[] }

/** Version 1; members are added, never changed. */
export interface Report {
  readonly report: 'countersign-replay'
  readonly v: 1
  readonly created: string
  readonly verdict: 'fine' | 'gate not met' | 'not faithful' | 'engines disagree'
  readonly exit: number
  readonly base: ReportedVersion
  readonly head: ReportedVersion
  readonly corpus: {
    readonly sha256: string; readonly identities: string; readonly signed_by: string | null; readonly log_key_checked: boolean; readonly origin: string
    readonly first: string; readonly last: string; readonly rows: number; readonly calls: number; readonly left_out: Corpus['header']['left_out']
  }
  readonly faithfulness: Omit<ReplayResult['faithfulness'], 'differences'> & { readonly differences: readonly ReportedFlip[] }
  readonly unchanged_calls: number
  readonly flips: readonly ReportedFlip[]
  readonly gate: Omit<Gate, 'exit' | 'unproven'> & { readonly unproven: Unproven | null }
  readonly rules: { readonly never_fired: readonly RuleId[]; readonly never_tested: readonly RuleId[]; readonly fired: readonly { readonly id: string; readonly base: number; readonly head: number }[] }
  readonly cost: { readonly base: Cost; readonly head: Cost; /** Of the replay. */ readonly decisions_per_second: number; readonly new_builtins: readonly string[] }
  readonly differential: { readonly rows: number; readonly disagreements: readonly number[] } | null
  /** Paths that differ between the revisions and that no replay can judge. */
  readonly beside: readonly string[]
  /** Input paths that only head reads: of calls that differ in nothing else, the corpus holds one. */
  readonly head_reads: readonly string[]
}

export interface ReportParts {
  readonly base: PolicyVersion
  readonly head: PolicyVersion
  readonly corpus: Corpus
  readonly signedBy: string | undefined
  readonly isLogKeyChecked: boolean
  readonly result: ReplayResult
  readonly gate: Gate
  readonly cost: { readonly base: Cost; readonly head: Cost }
  readonly rules: readonly RuleId[]
  readonly differential: Differential | undefined
  readonly vocabulary: Vocabulary
  readonly now: number
}

const verdicts = { 0: 'fine', 1: 'gate not met', 3: 'not faithful', 4: 'engines disagree' } as const
const maxListed = 200

export function makeReport(parts: ReportParts): Report {
  const { base, head, corpus, result, gate, vocabulary } = parts
  const { header } = corpus
  const flip = (entry: FlipEntry): ReportedFlip => reported(entry, corpus, head, vocabulary)
  const { exit, ...asked } = gate
  const { differences, ...faithfulness } = result.faithfulness
  const fired = new Set([...result.fired.base.keys(), ...result.fired.head.keys()])
  return {
    report: 'countersign-replay', v: 1, created: new Date(parts.now).toISOString(), verdict: verdicts[exit], exit,
    base: version(base), head: version(head),
    corpus: {
      sha256: corpus.digest, identities: header.identities, signed_by: parts.signedBy ?? null, log_key_checked: parts.isLogKeyChecked, origin: header.origin,
      first: header.first, last: header.last, rows: header.rows, calls: result.calls, left_out: header.left_out,
    },
    faithfulness: { ...faithfulness, differences: differences.slice(0, maxListed).map(flip) },
    unchanged_calls: result.unchanged, flips: result.flips.slice(0, maxListed).map(flip), gate: { ...asked, unproven: asked.unproven ?? null, unmet: asked.unmet.slice(0, maxListed) },
    rules: {
      never_fired: parts.rules.filter(({ id }) => !isFired(id, result.fired.head)).slice(0, maxListed),
      never_tested: parts.rules.filter(({ isTested }) => isTested === false).slice(0, maxListed),
      fired: told([...fired], vocabulary, result.fired),
    },
    cost: { ...parts.cost, decisions_per_second: result.decisionsPerSecond, new_builtins: head.engine.builtins.filter((name) => !base.engine.builtins.includes(name)) },
    differential: parts.differential ?? null,
    beside: beside(base, head), head_reads: newlyRead(base.engine, head.engine),
  }
}

/** The bytes that are signed, and whose digest goes into a bundle's manifest. */
export function writeReport(report: Report): { readonly bytes: Uint8Array; readonly sha256: string } {
  const bytes = Buffer.from(`${JSON.stringify(report, undefined, 1)}\n`)
  return { bytes, sha256: hash('sha256', bytes, 'hex') }
}

function version({ kind, revision, digest, wasmBytes, engine }: PolicyVersion): ReportedVersion {
  return { kind, revision, bundle: digest, behaviour: engine.behaviour, wasm_bytes: wasmBytes, builtins: engine.builtins }
}

function reported(entry: FlipEntry, corpus: Corpus, head: PolicyVersion, vocabulary: Vocabulary): ReportedFlip {
  const { kind, direction, calls, rows, cells } = entry
  const words = (texts: readonly string[]) => unique(texts.map((text) => vocabulary.word(text)))
  const counted = (names: Counted, word: (text: string) => string): Counted => {
    const sums = new Map<string, number>()
    for (const [name, count] of names) sums.set(word(name), (sums.get(word(name)) ?? 0) + count)
    return [...sums]
  }
  const ofPolicy = (text: string) => vocabulary.word(text)
  return {
    kind, direction, rules: words(entry.rules), subjects: unique(entry.subjects.map((text) => subject(text, vocabulary))), before: phrase(entry.before, vocabulary), after: phrase(entry.after, vocabulary),
    calls, rows, cells,
    // Names that come from inputs: what the policy itself names, a target as configurations write them, a pseudonym as the exporter made it.
    groups: counted(entry.groups, ofPolicy), targets: counted(entry.targets, (text) => /^[a-z0-9][a-z0-9_-]{0,62}$/.test(text) ? text : computed),
    actions: counted(entry.actions, (text) => /^(?:http|pg|grpc)\.[a-z_]{1,40}$/.test(text) ? text : vocabulary.word(text)), resources: counted(entry.resources, ofPolicy),
    callers: counted(entry.callers, (text) => corpus.header.identities === 'real' || /(?:^|\|)p-[0-9a-f]{1,16}$/.test(text) ? text.slice(text.lastIndexOf('|') + 1) : computed),
    controls: words(entry.controls),
    samples: entry.places.map((place) => sampleOf(place, corpus, head, vocabulary)),
  }
}

/** `column email`: the first word is ours, the second the policy's. */
function subject(text: string, vocabulary: Vocabulary): string {
  const [kind = '', ...rest] = text.split(' ')
  if (rest.length === 0) return ['rows', 'bytes', 'timeout_ms', 'rate', 'record', 'retention'].includes(text) ? text : vocabulary.word(text)
  return `${kind} ${vocabulary.word(rest.join(' '))}`
}

const ownWords = new Set(['none', 'class', 'allow', 'deny', 'require', 'enforce', 'warn', 'dryrun', 'as', 'by', 'last', 'partial', 'redact', 'hash', 'tokenize', 'null', 'drop', 'body', 'digest', 'meta', 'required', 'optional', 'true', 'false', 'subject', 'client', 'target', 'low', 'medium', 'high', 'critical', '1', '2', '3', '4', '5', '6', '7', '8', '9'])

/** Word by word: ours, or the policy's. */
function phrase(text: string, vocabulary: Vocabulary): string {
  return text.split(/([ ,]+|\/min\b)/).map((part, at) => at % 2 === 1 || part === '' || ownWords.has(part) ? part : vocabulary.word(part)).join('')
}

/** Field names only, and only such as the policy itself writes. */
function sampleOf(place: number, corpus: Corpus, head: PolicyVersion, vocabulary: Vocabulary): Sample {
  const row = corpus.row(place)
  const read: unknown = JSON.parse(head.engine.prune(row.input))
  return { row: place, batch: corpus.batches[row.proof.batch]?.batch ?? 0, frame: row.proof.index, calls: row.calls, reads: unique(fieldsOf(read, 'input', 3).filter((path) => path.split('.').every((name) => vocabulary.has(name)))).slice(0, 40) }
}

function fieldsOf(value: unknown, path: string, depth: number): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || depth === 0) return [path]
  return Object.entries(value).flatMap(([name, member]) => fieldsOf(member, `${path}.${name}`, depth - 1))
}

function told(ids: readonly string[], vocabulary: Vocabulary, fired: ReplayResult['fired']): { id: string; base: number; head: number }[] {
  return ids.filter((id) => vocabulary.has(id)).toSorted().slice(0, maxListed).map((id) => ({ id, base: fired.base.get(id) ?? 0, head: fired.head.get(id) ?? 0 }))
}

function beside(base: PolicyVersion, head: PolicyVersion): string[] {
  if (base.kind !== 'revision' || head.kind !== 'revision') return []
  return [...new Set([...base.beside.keys(), ...head.beside.keys()])].filter((path) => base.beside.get(path) !== head.beside.get(path)).toSorted().slice(0, maxListed)
}

const unique = (texts: readonly string[]): string[] => [...new Set(texts)]
