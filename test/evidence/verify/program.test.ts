// The program as an examiner runs it: a child process under the permission model, judged by exit code and output.
import test from 'ava'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cleanLog } from './sample-log.ts'

const folder = join(import.meta.dirname, '..', '..', '..', 'evidence', 'verify')
const root = realpathSync(mkdtempSync(join(tmpdir(), 'verify-program-')))
test.after.always(() => { rmSync(root, { recursive: true, force: true }) })
const evidence = join(root, 'evidence')
const log = cleanLog(evidence)
for (const [name, text] of Object.entries({ 'trust.json': log.trust(), 'keys.jsonl': log.keysFile(), since: log.checkpoint })) writeFileSync(join(root, name), text)

function run(args: readonly string[], script = join(folder, 'main.ts')): { code: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--permission', `--allow-fs-read=${root}`, `--allow-fs-read=${folder}`, script, ...args], { encoding: 'utf8' })
  return { code: status, stdout, stderr }
}

const full = ['--at', new Date(log.now).toISOString(), '--trust', join(root, 'trust.json'), '--keys', join(root, 'keys.jsonl'), '--since', join(root, 'since')]

test('an intact, complete record under the examiner\'s trust exits 0 and says what was checked', (t) => {
  const { code, stdout, stderr } = run([...full, evidence])
  t.is(stderr, '')
  t.is(code, 0)
  t.regex(stdout, /^INTACT: every claim of this record was checked and holds\.\n/)
  t.regex(stdout, /6 batches · 28 frames · 5 sessions \(0 open\) · 2 epochs/)
  t.regex(stdout, /5 of 5 boxes opened · 30 contents match/)
  t.false(stdout.includes('\u001b'))
})

test('the same verdict as data', (t) => {
  const { code, stdout } = run([...full, '--json', evidence])
  const verdict: unknown = JSON.parse(stdout)
  t.is(code, 0)
  t.like(verdict, { verdict: 'intact', exit: 0, keys: 'trust file', log: { size: 6 }, checked: { batches: 6, frames: 28, sessions: 5 }, falsities: [], gaps: [] })
})

test('keys from the record itself exit 3 at best, and say so', (t) => {
  const { code, stdout } = run([evidence])
  t.is(code, 3)
  t.regex(stdout, /WITNESSED BY 0/)
  t.regex(stdout, /\[trust\.own_keys\]/)
  t.regex(stdout, /NOT OPENED/)
})

test('a trust file that asks for no witness is obeyed, and the report is loud about it', (t) => {
  const { code, stdout } = run(['--trust', join(root, 'trust.json'), evidence])
  t.is(code, 0)
  t.regex(stdout, /^INTACT: every claim that can be checked without session keys holds; contents were not opened\.\n/)
  t.regex(stdout, /WITNESSED BY 0: this record could have been rewritten by whoever holds the log key/)
})

const unusable: readonly (readonly [what: string, args: readonly string[], message: RegExp])[] = [
  ['no directory', [], /expected one evidence directory/],
  ['two directories', [evidence, evidence], /expected one evidence directory/],
  ['an unknown flag', ['--frobnicate', evidence], /Unknown option '--frobnicate'/],
  ['a time that is none', ['--at', 'yesterday', evidence], /--at: expected a time/],
  ['a directory that is not there', [join(root, 'nowhere')], /nowhere cannot be read/],
  ['a folder that is no evidence directory', [root], /log\.git is not in the evidence directory/],
  ['a trust file that is not there', ['--trust', join(root, 'none'), evidence], /the trust file .* cannot be read/],
  ['a kept checkpoint that is none', ['--since', join(root, 'trust.json'), evidence], /the kept checkpoint cannot be read/],
  ['a keys file that is none', ['--keys', join(root, 'trust.json'), evidence], /keys file: line 1: expected/],
]
for (const [what, args, message] of unusable) {
  test(`${what}: exit 2, and no verdict`, (t) => {
    const { code, stdout, stderr } = run(args)
    t.is(code, 2)
    t.is(stdout, '')
    t.regex(stderr, message)
  })
}

test('a file name of the record steers no terminal, also in what the system says of it', (t) => {
  const directory = join(root, 'steering')
  cleanLog(directory)
  const pack = join(directory, 'log.git', 'objects', 'pack')
  const name = 'x\u001b[2J\u009b1mINTACT.idx'
  mkdirSync(pack)
  symlinkSync(name, join(pack, name))
  for (const flags of [[], ['--json']]) {
    const { code, stdout, stderr } = run([...flags, directory])
    t.is(code, 2)
    t.regex(stderr, /^could not run: ELOOP/)
    t.notRegex(stdout + stderr, /[^\P{Cc}\n]/u)
  }
})

test('with --json, exit 2 is data too', (t) => {
  const { code, stdout } = run(['--json', join(root, 'nowhere')])
  t.is(code, 2)
  t.like(JSON.parse(stdout), { verdict: 'could not run', exit: 2 })
})

test('a verifier that tried to write, connect or start a program would be refused', (t) => {
  const attempts = join(root, 'attempts.ts')
  writeFileSync(attempts, `
    import { writeFileSync, readFileSync } from 'node:fs'
    import { connect } from 'node:net'
    import { spawnSync } from 'node:child_process'
    const codes = []
    for (const attempt of [() => writeFileSync(${JSON.stringify(join(root, 'written'))}, 'x'), () => readFileSync('/etc/hostname'), () => spawnSync('true')]) {
      try { attempt(); codes.push('allowed') } catch (error) { codes.push(error.code) }
    }
    const told = (code) => console.log([...codes, code].join())
    connect(9, '127.0.0.1').on('error', (error) => told(error.code)).on('connect', () => { told('allowed'); process.exit() })
  `)
  t.is(run([], attempts).stdout.trim(), Array(4).fill('ERR_ACCESS_DENIED').join())
})
