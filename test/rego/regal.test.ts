import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import anyTest, { type ExecutionContext } from 'ava'
import { regalFindings as findings } from '../../rego/lint/regal.ts'

// The environment is this worker's alone, and one test's at a time.
const test = anyTest.serial

const regalFindings = async (folder: string, paths: readonly string[]) => await findings(folder, paths, process.env)

/** A folder with a program called regal in it that does `script`, first on PATH. */
function withRegal(t: ExecutionContext, script: string | undefined): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'countersign-regal-'))
  const before = process.env['PATH']
  t.teardown(() => { process.env['PATH'] = before; rmSync(dir, { recursive: true, force: true }) })
  if (script === undefined) process.env['PATH'] = dir
  else {
    writeFileSync(path.join(dir, 'regal'), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
    process.env['PATH'] = `${dir}:${before ?? ''}`
  }
  return dir
}

test('where there is no regal, nothing is said of it', async t => {
  t.is(await regalFindings(withRegal(t, undefined), ['policy']), undefined)
  const holdsAFolder = withRegal(t, undefined)
  mkdirSync(path.join(holdsAFolder, 'regal'))
  t.is(await regalFindings(holdsAFolder, ['policy']), undefined, 'EACCES, and no linter')
})

test('its violations are findings, and it is handed the paths without a shell', async t => {
  const dir = withRegal(t, `printf '%s\\n' "$@" > args\nprintf %s "$REGAL_DISABLE_VERSION_CHECK" > asks\nprintf '%s' '{"violations":[{"title":"prefer-snake-case","description":"Prefer snake_case","level":"error","location":{"file":"policy/a.rego","row":3,"col":7}},{"title":"todo-comment","description":"Avoid TODO","level":"warning"}]}'\nexit 3`)
  t.deepEqual(await regalFindings(dir, ['policy', '$(touch x)']), [{ code: 'regal/prefer-snake-case', message: 'Prefer snake_case', file: 'policy/a.rego', row: 3, col: 7 }, { code: 'regal/todo-comment', message: 'warning: Avoid TODO', file: '', row: 0, col: 0 }])
  t.is(readFileSync(path.join(dir, 'args'), 'utf8'), 'lint\n--format\njson\n--\npolicy\n$(touch x)\n')
  t.false(existsSync(path.join(dir, 'x')))
  t.is(readFileSync(path.join(dir, 'asks'), 'utf8'), '1', 'it does not look for a newer one of itself')
})

test('one that fails, or says something else, is told of', async t => {
  await t.throwsAsync(regalFindings(withRegal(t, 'echo "unknown flag" >&2\nexit 1'), ['policy']), { code: 'ERR_POLICY_LINT', message: 'regal is on PATH but ended with 1: unknown flag' })
  // As Regal 0.39 does of a file that it cannot parse, and of settings that it cannot read.
  await t.throwsAsync(regalFindings(withRegal(t, `echo '{"errors": ["policy/a.rego:4: rego_parse_error"]}'\nexit 1`), ['policy']), { code: 'ERR_POLICY_LINT', message: 'regal is on PATH but ended with 1: policy/a.rego:4: rego_parse_error' })
  await t.throwsAsync(regalFindings(withRegal(t, 'echo hello'), ['policy']), { code: 'ERR_POLICY_LINT', message: 'regal is on PATH but gave no report that can be read' })
  await t.throwsAsync(regalFindings(withRegal(t, 'echo "{}"'), ['policy']), { code: 'ERR_POLICY_LINT', message: 'regal is on PATH but gave no report that can be read' })
})
