// A mirror's objects through one `git cat-file --batch`: it says an object's size before its content, so that what unpacks to more than it may be
// is never taken in. Git unpacks in a process of its own, under limits (git-process.ts), and has a deadline for each.
import { endGit, spawnGit, type GitOptions } from './git-process.ts'
import type { ReadObject } from './repository.ts'

/** `<id> <type> <size>` */
const maxHeaderBytes = 200
/** Unasked for so long, the child ends. */
const idleMs = 2_000

/** @param readMs for one object */
export function createCatFile(git: GitOptions, readMs: number): ReadObject {
  let child: ReturnType<typeof spawnGit> | undefined
  let idle: NodeJS.Timeout | undefined
  let queue: Promise<unknown> = Promise.resolve()

  async function ask(oid: string, maxBytes: number): Promise<{ type: string; bytes: Uint8Array }> {
    if (child !== undefined && (child.exitCode !== null || child.signalCode !== null)) child = undefined   // somebody ended it meanwhile
    const asked = child ??= spawnGit(git, ['cat-file', '--batch'], { takesInput: true })
    const { stdin, stdout } = asked
    if (stdin === null || stdout === null) throw new Error('git has no pipes')
    asked.stderr?.resume()
    return await new Promise((resolve, reject) => {
      const chunks: Buffer[] = []
      let taken = 0
      let found: { readonly type: string; readonly begin: number; readonly length: number } | undefined
      const done = (outcome: () => void): void => {
        clearTimeout(timer)
        stdout.removeAllListeners('data')
        asked.removeAllListeners('close').removeAllListeners('error')
        outcome()
      }
      const fail = (why: string): void => done(() => {
        endGit(asked)
        child = undefined
        reject(new Error(why))
      })
      const timer = setTimeout(() => { fail(`git did not read it within ${readMs / 1000} s`) }, readMs)
      asked.once('close', () => fail('git ended')).once('error', () => fail('git cannot be run'))
      stdout.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        taken += chunk.length
        if (found === undefined) {
          const head = Buffer.concat(chunks)
          const end = head.indexOf(0x0a)
          if (end < 0) return head.length > maxHeaderBytes ? fail('git answered something else') : undefined
          const [, type, size] = /^[0-9a-f]{40} ([a-z]+) (\d{1,15})$/.exec(head.toString('latin1', 0, end)) ?? []
          if (type === undefined) return done(() => reject(new Error('it is not there')))
          found = { type, begin: end + 1, length: Number(size) }
        }
        const { type, begin, length } = found
        if (length > maxBytes) return fail(`it is larger than ${maxBytes} bytes`)
        if (taken < begin + length + 1) return
        done(() => resolve({ type, bytes: new Uint8Array(Buffer.concat(chunks).subarray(begin, begin + length)) }))
      })
      stdin.write(`${oid}\n`)
    })
  }

  return (oid, maxBytes) => {
    clearTimeout(idle)
    const answer = queue.then(() => { clearTimeout(idle); return ask(oid, maxBytes) })
    queue = answer.catch(() => undefined).finally(() => {
      clearTimeout(idle)
      idle = setTimeout(() => { if (child !== undefined) endGit(child); child = undefined }, idleMs).unref()
    })
    return answer
  }
}
