// Who stands behind a commit: its own signature, and the statements signed for it, judged by the people and rules of the commit in force.
import type { ActivationRules } from '../config.ts'
import { findSigner, type AllowedSigner } from './allowed-signers.ts'
import { holders, isNamed, peopleOf, type Person } from './people.ts'
import type { PolicyCommit } from './repository.ts'
import { verifySshSignature } from './sshsig.ts'
import { activationNamespace, parseEndorsement, writeStatement, type Statement, type StatementKind } from './statement.ts'

/** Files of statements that go on record with what they brought about. */
const maxRecorded = 8
/** What a refusal tells of statements that do not count. */
const maxNotes = 5

export interface Judges {
  readonly signers: readonly AllowedSigner[]
  readonly rules: ActivationRules
}

/** Enough people. */
export interface Backing {
  readonly isEnough: true
  readonly way: 'activation' | 'emergency'
  /** Absent: quorum 1, and the commit's own signature said it. */
  readonly statement?: Statement
  readonly signers: readonly string[]
  /** The files that count, one of each person, as text, so that the record itself shows who signed what. */
  readonly endorsements: readonly string[]
  /** Another that enough people stand behind, where this one's statement turns out to say what is not so. */
  readonly otherwise?: Backing
}

/** Not enough: who did sign, and why others do not count. */
export interface Shortfall {
  readonly isEnough: false
  readonly signed: number
  readonly needed: number
  readonly signers: readonly string[]
  readonly message: string
}

interface Files { readonly files: readonly Uint8Array[]; readonly notes: readonly string[] }
interface Signed { readonly statement: Statement; readonly keys: string[]; readonly texts: { readonly key: string; readonly text: string }[] }

/** @param now ms: a key whose time has passed signs nothing new, whatever date a commit claims */
export function judgeCommit(commit: PolicyCommit, endorsements: Files, { signers, rules }: Judges, now: number): Backing | Shortfall {
  const people = peopleOf(signers)
  const { signed, notes } = verified(endorsements, commit.revision, signers, now)
  const own = ownSignature(commit, signers, now)
  const ownKeys = own.key === undefined ? [] : [own.key]
  const backing = (way: 'activation' | 'emergency', who: readonly Person[], one?: Signed): Backing =>
    ({ isEnough: true, way, signers: namesOf(who), endorsements: one === undefined ? [] : textsOf(who, one), ...one === undefined ? {} : { statement: one.statement } })

  // All that enough people stand behind: whoever is the second of two beside a commit's own signature could else outbid the others with nonsense.
  const ordinary = ofKind(signed, 'activation')
  const enough: Backing[] = []
  for (const one of newestOfEach(people, ordinary)) {
    const who = holders(people, [...one.keys, ...ownKeys])
    if (who.length >= rules.quorum) enough.push(backing('activation', who, one))
  }
  if (rules.quorum === 1 && own.key !== undefined) enough.push(backing('activation', holders(people, ownKeys)))
  for (const one of rules.emergency === undefined ? [] : newestOfEach(people, ofKind(signed, 'emergency'))) {
    const who = holders(people, one.keys).filter((person) => isNamed(person, rules.emergency?.signers ?? []))
    if (who.length >= (rules.emergency?.quorum ?? Infinity)) enough.push(backing('emergency', who, one))
  }
  const first = enough.reduceRight<Backing | undefined>((otherwise, one) => ({ ...one, ...otherwise === undefined ? {} : { otherwise } }), undefined)
  if (first !== undefined) return first
  const best = ordinary.map(({ keys }) => holders(people, [...keys, ...ownKeys])).reduce((most, who) => who.length > most.length ? who : most, holders(people, ownKeys))
  if (rules.emergency === undefined && signed.some(({ statement }) => statement.kind === 'emergency')) notes.push('the policy in force knows no emergency change')
  return short(best, rules.quorum, [own.note, ...notes])
}

/** Whether the ordinary quorum signed that it has looked at an emergency change; `reviewed` is what such a statement must name. */
export function judgeReview(reviewed: Pick<Statement, 'revision' | 'serial' | 'tree' | 'bundle' | 'tests'>, endorsements: Files, { signers, rules }: Judges, now: number): Backing | Shortfall {
  const people = peopleOf(signers)
  const { signed, notes } = verified(endorsements, reviewed.revision, signers, now)
  const matching = ofKind(signed, 'after-review').filter(({ statement: it }) => it.serial === reviewed.serial && it.tree === reviewed.tree && it.bundle === reviewed.bundle && it.tests === reviewed.tests)
  for (const one of matching) {
    const who = holders(people, one.keys)
    if (who.length >= rules.quorum) return { isEnough: true, way: 'activation', statement: one.statement, signers: namesOf(who), endorsements: textsOf(who, one) }
  }
  const best = matching.map(({ keys }) => holders(people, keys)).reduce<readonly Person[]>((most, who) => who.length > most.length ? who : most, [])
  return short(best, rules.quorum, notes)
}

/** Statements about `revision` and who signed them, each pair once however often and in whatever wrapping it lies there; nothing else changes a verdict. */
export function whatCounts(endorsements: Files, revision: string, { signers }: Judges, now: number): readonly string[] {
  const { signed } = verified(endorsements, revision, signers, now)
  return [...new Set(signed.flatMap(({ statement, keys }) => keys.map((key) => `${Buffer.from(writeStatement(statement)).toString()}${key}`)))].toSorted()
}

/** How many people of a list can stand behind a commit at `now`: all who may sign statements, and one more who may sign the commit only. */
export function peopleWhoMaySign(signers: readonly AllowedSigner[], now: number): number {
  const people = peopleOf(signers)
  const able = (namespace: 'git' | typeof activationNamespace) => holders(people, signers.filter(({ namespaces, validBefore }) => namespaces.includes(namespace) && now < validBefore).map(({ key }) => key))
  const statements = able(activationNamespace)
  return statements.length + (able('git').some((person) => !statements.includes(person)) ? 1 : 0)
}

/** Statements about `revision` with the keys that signed each; what does not count is a note. */
function verified({ files, notes: before }: Files, revision: string, signers: readonly AllowedSigner[], now: number): { readonly signed: readonly Signed[]; readonly notes: string[] } {
  const notes = [...before]
  const signed = new Map<string, Signed>()
  for (const file of files) {
    const endorsement = parseEndorsement(file)
    if (typeof endorsement === 'string') { notes.push(endorsement); continue }
    const { statement, signature, signed: bytes, text } = endorsement
    if (statement.revision !== revision) { notes.push('a statement is for another commit'); continue }
    const key = verifySshSignature(signature, bytes, activationNamespace)
    if (key === undefined) { notes.push(`a statement has no valid signature of namespace ${activationNamespace}`); continue }
    if (findSigner(signers, key, activationNamespace, now) === undefined) { notes.push('a statement is signed by a key that the policy in force does not allow, or not now'); continue }
    const same = Buffer.from(bytes).toString('latin1')
    const entry = signed.get(same) ?? { statement, keys: [], texts: [] }
    entry.keys.push(key)
    entry.texts.push({ key, text })
    signed.set(same, entry)
  }
  return { signed: [...signed.values()], notes }
}

/** Newest first, so that a corrected statement overtakes the one it corrects. */
function ofKind(signed: readonly Signed[], kind: StatementKind): readonly Signed[] {
  return signed.filter(({ statement }) => statement.kind === kind).toSorted((a, b) => b.statement.serial - a.statement.serial)
}

/** Of the same people, what they signed last: each serial costs a compilation, and one person's many are one. */
function newestOfEach(people: readonly Person[], newestFirst: readonly Signed[]): readonly Signed[] {
  const serials = new Map<string, number>()
  return newestFirst.filter(({ keys, statement: { serial } }) => {
    const who = namesOf(holders(people, keys)).join('\n')
    if (!serials.has(who)) serials.set(who, serial)
    return serials.get(who) === serial
  })
}

/** One of each person: a stranger can wrap one person's signature in many ways, and would crowd out the others'. */
function textsOf(who: readonly Person[], { texts }: Signed): readonly string[] {
  return who.flatMap((person) => texts.find(({ key }) => person.keys.has(key))?.text ?? []).slice(0, maxRecorded)
}

/** A commit's own signature counts as one person's: it covers the tree, though not the serial and the digests. */
function ownSignature(commit: PolicyCommit, signers: readonly AllowedSigner[], now: number): { readonly key?: string; readonly note?: string } {
  if (commit.signature === undefined) return { note: 'the commit is not signed' }
  const key = verifySshSignature(commit.signature, commit.signed, 'git')
  // A forge signs what was merged on its pages with a key of its own, in OpenPGP's form: that is nobody's word.
  if (key === undefined) return { note: 'the commit\'s signature is not a valid SSH signature of it' }
  if (findSigner(signers, key, 'git', commit.time, now) === undefined) return { note: 'the commit\'s signer is not one that the policy in force allows, or not now' }
  return { key }
}

function short(who: readonly Person[], needed: number, notes: readonly (string | undefined)[]): Shortfall {
  const told = [...new Set(notes.filter((note) => note !== undefined))]
  const more = told.length > maxNotes ? [`and ${told.length - maxNotes} more`] : []
  return {
    isEnough: false, signed: who.length, needed, signers: namesOf(who),
    message: [`${who.length} of ${needed} people have signed for it`, ...told.slice(0, maxNotes), ...more].join('; '),
  }
}

function namesOf(people: readonly Person[]): readonly string[] {
  return people.map(({ name }) => name).toSorted()
}
