import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { openDatabase } from '../../../gateway/state/database.ts'

const root = mkdtempSync(join(tmpdir(), 'countersign-state-'))
test.after.always(() => { rmSync(root, { recursive: true, force: true }) })
const folder = (): string => mkdtempSync(join(root, 'one-'))

test('state is durable at every commit, and its folder is the gateway\'s alone', (t) => {
  const path = join(folder(), 'inner', 'state.db')
  const database = openDatabase(path)
  t.is(database.prepare('PRAGMA journal_mode').get()?.['journal_mode'], 'wal')
  t.is(database.prepare('PRAGMA synchronous').get()?.['synchronous'], 2)
  t.is(statSync(join(path, '..')).mode & 0o777, 0o700)
  database.close()
})

test('a state file that is none stops the start and is named', (t) => {
  const path = join(folder(), 'state.db')
  writeFileSync(path, 'this is no database, and longer than a header of one would be, as far as that goes')
  t.throws(() => openDatabase(path), { code: 'ERR_STATE', message: `the state database ${path} cannot be opened: file is not a database` })
})
