// A changed byte, wherever it lies in what the pinned commit names, is exit 1, and the finding names the item.
import test from 'ava'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { parseSessionKeys } from '../../../evidence/verify/session-keys.ts'
import { verifyEvidence } from '../../../evidence/verify/verifier.ts'
import type { Verdict } from '../../../evidence/verify/verdict.ts'
import { cleanLog, start } from './sample-log.ts'
import type { SampleLog } from './sample-log.ts'

const root = mkdtempSync(join(tmpdir(), 'verify-mutation-'))
const directory = join(root, 'evidence')
const log: SampleLog = cleanLog(directory)
const at = start + 3_600_000

const verify = (dir: string, more: object = {}): Verdict => verifyEvidence({ directory: dir, trust: log.trust(), at, ...more })
const files = (readdirSync(directory, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).map((entry) => relative(directory, join(entry.parentPath, entry.name)))
// HEAD and config say how Git should treat the folder; the verifier reads neither.
const read = files.filter((name) => !['log.git/HEAD', 'log.git/config'].includes(name))

test('the unchanged record is intact', (t) => {
  t.like(verify(directory), { exit: 0, falsities: [] })
  t.true(read.length > 30)
})

test('a changed byte in any file, at its start, end and in between, is a false claim that names the item', (t) => {
  t.timeout(110_000)
  let changes = 0
  for (const name of read) {
    const path = join(directory, name)
    const original = readFileSync(path)
    // The root tree's folder of an older commit and the like are all reachable: each file counts. Every 31st byte, and the last.
    for (let offset = 0; offset < original.length; offset = offset === original.length - 1 ? original.length : Math.min(offset + 31, original.length - 1)) {
      const changed = Buffer.from(original)
      changed[offset]! ^= 1 << (offset % 8)
      writeFileSync(path, changed)
      const verdict = verify(directory)
      changes += 1
      if (verdict.exit !== 1) t.fail(`${name}, byte ${offset}: exit ${verdict.exit}`)
      else if (!namesItem(verdict, name)) t.fail(`${name}, byte ${offset}: ${JSON.stringify(verdict.falsities[0])}`)
    }
    writeFileSync(path, original)
  }
  t.true(changes > 300)
  t.is(verify(directory).exit, 0)
})

/** A store file is named as it is; a Git object by its id or by the commit and batch that need it. */
function namesItem(verdict: Verdict, name: string): boolean {
  const said = JSON.stringify(verdict.falsities)
  if (name.startsWith('store/')) return said.includes(name)
  if (name.startsWith('log.git/objects/')) return said.includes(name.split('/').slice(-2).join('')) || /commit [0-9a-f]{40}/.test(said)
  return said.includes('refs/heads/main') || said.includes('commit ') || said.includes('is missing')
}

test('a removed file is a false claim that names the item', (t) => {
  for (const name of read.filter((file) => !file.startsWith('log.git/refs'))) {
    const path = join(directory, name)
    const original = readFileSync(path)
    rmSync(path)
    const verdict = verify(directory)
    writeFileSync(path, original)
    // A batch without content needs no body index: its absence says nothing.
    const isIdle = name.startsWith('store/body-index/') && original.length <= 5
    // The object of no bytes need not be stored.
    if (isIdle || original.length === 0) t.is(verdict.exit, 0, name)
    else { t.is(verdict.exit, 1, name); t.true(namesItem(verdict, name), name) }
  }
})

test('a session taken out of the store\'s leaves, re-hashed but not re-signed, is a false claim', (t) => {
  const copy = join(root, 'without-session')
  cpSync(directory, copy, { recursive: true })
  rmSync(join(copy, 'store', 'leaves'), { recursive: true })
  const { exit, falsities } = verify(copy)
  t.is(exit, 1)
  t.is(falsities[0]?.code, 'leaves.file')
})

test('with keys, a body re-encrypted to other content under the right key is a false claim', (t) => {
  const keys = parseSessionKeys(log.keysFile())
  t.like(verify(directory, { keys }), { exit: 0, checked: { bodies: { opened: 5, boxes: 5, contents: 30 } } })
  const wrong = parseSessionKeys(log.keysFile().replaceAll(/"key":"../g, '"key":"00'))
  const verdict = verify(directory, { keys: wrong })
  t.is(verdict.exit, 1)
  t.is(verdict.falsities[0]?.code, 'body.box')
  t.regex(verdict.falsities[0]?.item ?? '', /^batch 0, session [0-9a-f]{32}\/1$/)
})

test('keys of other sessions open nothing: incomplete, not false', (t) => {
  const verdict = verify(directory, { keys: parseSessionKeys(`{"key_id":"${'00'.repeat(16)}","key":"${'00'.repeat(32)}"}\n`) })
  t.is(verdict.exit, 3)
  t.true(verdict.gaps.every(({ code }) => code === 'body.no_key'))
  t.is(verdict.checked.bodies.opened, 0)
})
