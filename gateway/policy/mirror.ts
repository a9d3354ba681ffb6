// The mirror of a policy repository that lies elsewhere: bare, in the state directory, ours alone. Nothing in it is trusted for having been fetched;
// what it holds is judged like a local repository. It is asked what it has first, so that a look at which nothing moved writes nothing.
import { mkdirSync, readdirSync, rmSync, statSync, existsSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { GatewayError } from '../errors.ts'
import { endGit, runGit, spawnGit, type Environment, type GitOptions } from './git-process.ts'
import { activationRefs, type Outside, type ReadObject } from './repository.ts'

const listTimeoutMs = 20_000
const fetchTimeoutMs = 60_000
/** Some 30,000 refs. */
const maxListBytes = 4 * 1024 * 1024
/** Statements that are fetched for one commit. */
const maxEndorsements = 64
/** All packs together: a remote that sends ever more fills no disk. */
const maxMirrorBytes = 1024 * 1024 * 1024
const idleMs = 2_000

export interface MirrorOptions {
  /** The mirror's folder; made when it is not there. */
  readonly path: string
  readonly url: string
  readonly ref: string
  readonly environment: Environment
  /** ms since the Unix epoch */
  readonly now: () => number
  /** What Git says of a failure, for the operator's log. */
  readonly said: (words: string) => void
}

export function mirrorPath(stateDirectory: string, name = 'policy'): string {
  return join(stateDirectory, `${name}.git`)
}

export function createMirror({ path, url, ref, environment, now, said }: MirrorOptions): Outside {
  const git: GitOptions = { gitdir: path, environment, allowsHttp: url.startsWith('http://') }
  let fetched = ''                                         // the refs as they were last fetched

  async function listRemote(endorsed: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const text = await runGit(git, ['ls-remote', '--quiet', '--refs', '--', url, ref, `${activationRefs}/*`], { timeoutMs: listTimeoutMs, maxOutputBytes: maxListBytes, said })
    const all = new Map<string, string>()
    for (const line of text.split('\n')) {
      const [, oid, name] = /^([0-9a-f]{40})\t(refs\/[!-~]{1,300})$/.exec(line) ?? []
      if (oid !== undefined && name !== undefined) all.set(name, oid)
    }
    const head = all.get(ref)
    if (head === undefined) throw new GatewayError('ERR_POLICY_REMOTE', `the remote policy repository has no ${ref}`)
    const wanted = new Map([[ref, head]])
    for (const revision of new Set([head, ...endorsed])) {
      const prefix = `${activationRefs}/${revision}/`
      const names = [...all.keys()].filter((name) => name.startsWith(prefix) && /^[0-9a-f]{1,64}$/.test(name.slice(prefix.length))).toSorted()
      for (const name of names.slice(0, maxEndorsements)) wanted.set(name, all.get(name) ?? '')
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

  return {
    async refresh(endorsed) {
      if (!existsSync(join(path, 'HEAD'))) {
        mkdirSync(path, { recursive: true, mode: 0o700 })
        await runGit(git, ['init', '--quiet', '--bare', '--template=', path], { timeoutMs: listTimeoutMs, maxOutputBytes: maxListBytes, said })
      }
      const wanted = await listRemote(endorsed)
      const state = JSON.stringify([...wanted])
      if (state === fetched) return
      sweep(path, now() - 2 * fetchTimeoutMs)
      forget(wanted, [wanted.get(ref) ?? '', ...endorsed])
      if (sizeOf(join(path, 'objects', 'pack')) > maxMirrorBytes) throw new GatewayError('ERR_POLICY_REMOTE', `the mirror of the policy repository is larger than ${maxMirrorBytes} bytes`)
      const specs = [...wanted.keys()].map((name) => `+${name}:${name}`)
      await runGit(git, ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules', '--no-show-forced-updates', '--', url, ...specs], { timeoutMs: fetchTimeoutMs, maxOutputBytes: maxListBytes, said })
      fetched = state
    },
    read: createReader(git),
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

/** Objects through `git cat-file --batch`: it says an object's size before its content, so that what unpacks to more than it may be is never taken in. */
function createReader(git: GitOptions): ReadObject {
  let child: ReturnType<typeof spawnGit> | undefined
  let idle: NodeJS.Timeout | undefined
  let queue: Promise<unknown> = Promise.resolve()

  async function ask(oid: string, maxBytes: number): Promise<{ type: string; bytes: Uint8Array }> {
    const asked = child ??= spawnGit(git, ['cat-file', '--batch'])
    const { stdin, stdout } = asked
    if (stdin === null || stdout === null) throw new Error('git has no pipes')
    asked.stderr?.resume()
    return await new Promise((resolve, reject) => {
      let taken = Buffer.alloc(0)
      const done = (outcome: () => void): void => {
        stdout.removeAllListeners('data')
        asked.removeAllListeners('close').removeAllListeners('error')
        outcome()
      }
      const fail = (why: string): void => done(() => {
        endGit(asked)
        child = undefined
        reject(new Error(why))
      })
      asked.once('close', () => fail('git ended')).once('error', () => fail('git cannot be run'))
      stdout.on('data', (chunk: Buffer) => {
        taken = Buffer.concat([taken, chunk])
        const end = taken.indexOf(0x0a)
        if (end < 0) return taken.length > 200 ? fail('git answered something else') : undefined
        const [, type, size] = /^[0-9a-f]{40} ([a-z]+) (\d{1,15})$/.exec(taken.toString('latin1', 0, end)) ?? []
        if (type === undefined) return done(() => reject(new Error('it is not there')))
        const length = Number(size)
        if (length > maxBytes) return fail(`it is larger than ${maxBytes} bytes`)
        if (taken.length < end + 1 + length + 1) return
        done(() => resolve({ type, bytes: new Uint8Array(taken.subarray(end + 1, end + 1 + length)) }))
      })
      stdin.write(`${oid}\n`)
    })
  }

  return (oid, maxBytes) => {
    clearTimeout(idle)
    const answer = queue.then(() => ask(oid, maxBytes))
    queue = answer.catch(() => undefined).finally(() => {
      clearTimeout(idle)
      idle = setTimeout(() => { if (child !== undefined) endGit(child); child = undefined }, idleMs).unref()
    })
    return answer
  }
}
