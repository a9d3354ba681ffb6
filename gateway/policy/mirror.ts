// The mirror of a policy repository that lies elsewhere: bare, in the state directory, ours alone. Nothing in it is trusted for having been fetched;
// what it holds is judged like a local repository. It is asked what it has first, so that a look at which nothing moved writes nothing.
import { mkdirSync, readdirSync, rmSync, statSync, existsSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { GatewayError } from '../errors.ts'
import { createCatFile } from './cat-file.ts'
import { isOfObjects, isTooLong } from './git-fault.ts'
import { runGit, type Environment, type GitOptions } from './git-process.ts'
import { visitRemote, type RemoteAccess, type Visit } from './remote-access.ts'
import type { Outside } from './repository.ts'
import { maxEndorsementBytes } from './statement.ts'
import { activationRefs, namesOf, namesToRead } from './statement-refs.ts'

/** Deadlines in ms, and sizes in bytes: a remote that drips, hangs or sends ever more takes no more than this. */
export interface MirrorLimits {
  /** To say which refs there are. */
  readonly listMs: number
  readonly fetchMs: number
  /** For one object of the mirror, which lies on this machine's disk. */
  readonly readMs: number
  /** One pack; a policy repository with its whole history takes a few megabytes. */
  readonly packBytes: number
  /** All packs together. */
  readonly mirrorBytes: number
}

export const mirrorLimits: MirrorLimits = { listMs: 20_000, fetchMs: 60_000, readMs: 20_000, packBytes: 256 * 1024 * 1024, mirrorBytes: 1024 * 1024 * 1024 }

/** Some 30,000 refs. */
const maxListBytes = 4 * 1024 * 1024
/** Of one statement's pack, beside the statement: object and pack headers, a checksum, an index. */
const maxStatementOverhead = 8 * 1024

export interface MirrorOptions {
  /** The mirror's folder; made when it is not there. */
  readonly path: string
  readonly url: string
  readonly ref: string
  readonly environment: Environment
  readonly access?: RemoteAccess
  readonly limits?: MirrorLimits
  /** ms since the Unix epoch */
  readonly now: () => number
  /** What Git says of a failure, for the operator's log: once, until it says something else or the remote is back. */
  readonly said: (words: string) => void
}

export function mirrorPath(stateDirectory: string, name = 'policy'): string {
  return join(stateDirectory, `${name}.git`)
}

export function createMirror({ path, url, ref, environment, access = {}, limits = mirrorLimits, now, said }: MirrorOptions): Outside {
  const git: GitOptions = { gitdir: path, environment, maxFileBytes: limits.packBytes, allowsHttp: url.startsWith('http://') }
  const run = async (args: readonly string[], timeoutMs: number, visit?: Visit): Promise<string> => await runGit(git, args, { timeoutMs, maxOutputBytes: maxListBytes, said: tell, ...visit === undefined ? {} : { visit } })
  let fetched = ''                                         // the refs as they were last fetched
  const unreadable = new Set<string>()                     // objects that are no statements: asked for once
  let told = ''                                            // of a remote that is away, the log has one line
  const tell = (words: string): void => {
    if (words !== told) said(words)
    told = words
  }

  async function list(visit: Visit, patterns: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const text = await run(['ls-remote', '--quiet', '--refs', '--', url, ...patterns], limits.listMs, visit)
    return new Map(text.split('\n').flatMap((line) => {
      const [, oid, name] = /^([0-9a-f]{40})\t(refs\/[!-~]{1,300})$/.exec(line) ?? []
      return oid === undefined || name === undefined ? [] : [[name, oid] as const]
    }))
  }

  async function listRemote(visit: Visit, endorsed: readonly string[], keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    let all: ReadonlyMap<string, string>
    try {
      all = await list(visit, [ref, `${activationRefs}/*`])
    } catch (cause) {
      // Too many statements to list: then those alone that lie under a signer's name.
      const head = isTooLong(cause) ? (await list(visit, [ref])).get(ref) : undefined
      if (head === undefined) throw cause
      all = await list(visit, [ref, ...[head, ...endorsed].flatMap((revision) => namesOf(keys).map((name) => `${activationRefs}/${revision}/${name}`))])
    }
    const head = all.get(ref)
    if (head === undefined) throw new GatewayError('ERR_POLICY_REMOTE', `the remote policy repository has no ${ref}`)
    const wanted = new Map([[ref, head]])
    for (const revision of new Set([head, ...endorsed])) {
      const prefix = `${activationRefs}/${revision}/`
      const names = [...all.keys()].flatMap((name) => name.startsWith(prefix) && /^[0-9a-f]{1,64}$/.test(name.slice(prefix.length)) ? [name.slice(prefix.length)] : [])
      for (const name of namesToRead(names, keys).names) wanted.set(`${prefix}${name}`, all.get(`${prefix}${name}`) ?? '')
    }
    return wanted
  }

  /** A statement that was taken back there is taken back here. */
  function forget(wanted: ReadonlyMap<string, string>, revisions: readonly string[]): void {
    for (const revision of revisions) {
      const folder = join(path, ...activationRefs.split('/'), revision)
      for (const file of existsSync(folder) ? readdirSync(folder) : []) {
        if (!wanted.has(`${activationRefs}/${revision}/${file}`)) rmSync(join(folder, file), { force: true, recursive: true })
      }
    }
  }

  const fetch = async (visit: Visit, names: readonly string[], maxFileBytes: number): Promise<void> => {
    const specs = names.map((name) => `+${name}:${name}`)
    await runGit({ ...git, maxFileBytes }, ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules', '--no-show-forced-updates', '--', url, ...specs], { timeoutMs: limits.fetchMs, maxOutputBytes: maxListBytes, said: tell, visit })
  }

  /** Statements come in packs that hold no more than statements: one that is none, and makes theirs too large, costs its own halves only. */
  async function fetchStatements(visit: Visit, names: readonly string[], wanted: ReadonlyMap<string, string>): Promise<void> {
    if (names.length === 0) return
    try {
      await fetch(visit, names, names.length * (maxEndorsementBytes + maxStatementOverhead))
    } catch (cause) {
      if (!isOfObjects(cause)) throw cause
      if (names.length > 1) {
        const middle = names.length >> 1
        await fetchStatements(visit, names.slice(0, middle), wanted)
        await fetchStatements(visit, names.slice(middle), wanted)
        return
      }
      for (const name of names) {
        unreadable.add(wanted.get(name) ?? '')
        rmSync(join(path, ...name.split('/')), { force: true })   // what was there before it has been taken back
      }
    }
  }

  async function follow(visit: Visit, endorsed: readonly string[], keys: readonly string[]): Promise<void> {
    const wanted = await listRemote(visit, endorsed, keys)
    const state = JSON.stringify([...wanted])
    if (state === fetched) return
    sweep(path, now() - 2 * limits.fetchMs)
    forget(wanted, [wanted.get(ref) ?? '', ...endorsed])
    if (sizeOf(join(path, 'objects', 'pack')) > limits.mirrorBytes) throw new GatewayError('ERR_POLICY_REMOTE', `the mirror of the policy repository is larger than ${limits.mirrorBytes} bytes`)
    await fetch(visit, [ref], limits.packBytes)
    for (const oid of unreadable) if (![...wanted.values()].includes(oid)) unreadable.delete(oid)
    await fetchStatements(visit, [...wanted.keys()].filter((name) => name !== ref && !unreadable.has(wanted.get(name) ?? '')), wanted)
    fetched = state
  }

  return {
    async refresh(endorsed, keys) {
      if (!existsSync(join(path, 'HEAD'))) {
        mkdirSync(path, { recursive: true, mode: 0o700 })
        await run(['init', '--quiet', '--bare', '--template=', path], limits.listMs)
      }
      await visitRemote(access, { url, folder: path }, async (visit) => { await follow(visit, endorsed, keys) })
      told = ''
    },
    read: createCatFile(git, limits.readMs),
  }
}

/** What a child that was ended left behind: locks that would stop the next one, and half a pack. */
function sweep(path: string, before: number): void {
  for (const [folder, isLeftover] of [['refs', /\.lock$/], ['objects/pack', /^tmp_/]] as const) {
    const at = join(path, folder)
    for (const file of existsSync(at) ? readdirSync(at, { recursive: true, encoding: 'utf8' }) : []) {
      const leftover = join(at, file)
      if (isLeftover.test(file) && statSync(leftover).mtimeMs < before) unlinkSync(leftover)
    }
  }
}

function sizeOf(folder: string): number {
  return existsSync(folder) ? readdirSync(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0) : 0
}
