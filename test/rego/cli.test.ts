import { execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import anyTest, { type ExecutionContext } from 'ava'
import { explained, located } from '../../rego/hints.ts'

// One after the other: each compiler is a process of some 200 MB.
const test = anyTest.serial
const binary = path.join(import.meta.dirname, '../../gateway/countersign.js')
const good = 'package policies.x\n\nallow if input.resource.id == "a"\n'

function policy(cwd: string, ...args: string[]): Promise<{ status: number; out: string; err: string }> {
  return new Promise(resolve => {
    execFile(process.execPath, [binary, 'policy', ...args], { cwd }, (error, out, err) => resolve({ status: typeof error?.code === 'number' ? error.code : 0, out, err }))
  })
}

/** A folder with the shipped library's two entrypoints in small, and `files`. */
function folder(t: ExecutionContext, files: Record<string, string>): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'countersign-policy-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const base = { 'policy/request.rego': 'package countersign.request\n\ndecision := data.policies.x.allow\n', 'policy/list.rego': 'package countersign.list\n\nvisible := []\n' }
  for (const [name, text] of Object.entries({ ...base, ...files })) {
    mkdirSync(path.dirname(path.join(dir, name)), { recursive: true })
    writeFileSync(path.join(dir, name), text)
  }
  return dir
}

test('the shipped policies pass their check', async t => {
  const { status, out, err } = await policy('.', 'check')
  t.deepEqual([status, err], [0, ''])
  t.regex(out, /files, 2 entrypoints: nothing to mend\n$/)
})

test('called in a policy repository, a command without DIR is about that one', async t => {
  const dir = folder(t, { 'policy/x.rego': good, 'policy/x_test.rego': 'package x_test\n\ntest_mine if true\n' })
  const { status, out } = await policy(dir, 'test')
  t.is(status, 0)
  t.is(out, 'ok     policy/x_test.rego  1/1\n1 test: 1 passed\n')
})

test('a part of a policy is told to be one: it decides without its data', async t => {
  const dir = folder(t, { 'policy/x/x.rego': good, 'policy/x/x_test.rego': 'package x_test\n\ntest_mine if true\n', 'data/data.json': '{}' })
  t.like(await policy(dir, 'test', 'policy/x'), { status: 0, err: 'note: policy/x is a part of the policy in ., here without its data/ and schema/\n' })
  t.is((await policy(path.join(dir, 'policy/x'), 'test', '.')).err, 'note: . is a part of the policy in ../.., here without its data/ and schema/\n')
})

test('what a command lacks is told with the command whose help tells more', async t => {
  t.deepEqual(await policy('.', 'replay'), { status: 2, out: '', err: "error: required option '--base <version>' not specified\n(countersign policy replay --help tells more)\n" })
  t.deepEqual(await policy('.', 'chekc'), { status: 2, out: '', err: "error: unknown command 'chekc'\n(Did you mean check?)\n(countersign policy --help tells more)\n" })
})

test('who meets a message of the compiler for the first time is told what to look at', async t => {
  const dir = folder(t, { 'policy/x.rego': `${good}\nallow if access.in_any(input.subject, ["x"])\n`, 'data/data.json': '{}', 'rules/cards.rego': good })
  const { status, err } = await policy(dir, 'check', '.')
  t.is(status, 1)
  t.is(err, 'note: rules/cards.rego: not below policy/, so no part of this policy\npolicy/x.rego:5:10: undefined function access.in_any: no built-in function here is called so (`policy capabilities` lists them); one of a package needs its import, such as `import data.countersign.access`\n')
  const finding = { code: '', file: 'data/data.json', row: 0, col: 0 }
  for (const [message, hint] of [
    ['var reason is unsafe', 'nothing gives it a value: a name with a typo, a missing import, or no condition of this rule that binds it'],
    ['undefined function nothing', 'no function of this package, and no built-in function here, is called so (`policy capabilities` lists those)'],
    ['undefined function time.now_ns', 'left out, since a decision must come out the same when it is made again: write time.parse_rfc3339_ns(input.context.time)'],
    ['undefined function http.send', 'left out on purpose: a decision comes from its input and data alone, and the same again each time'],
    ['match error', 'the two sides can never be equal, since they are of different types: a list is not one of its members (`some x in list`, `x in list`)'],
  ] as const) t.is(explained({ ...finding, message }).message, `${message}: ${hint}`)
  t.is(explained({ ...finding, message: 'undefined ref: input.x' }).message, 'undefined ref: input.x')
  t.like(located({ ...finding, message: 'm' }, '{\n "a": 1,}'), { row: 2, col: 9 })
  t.like(located({ ...finding, message: 'm' }, '[]'), { row: 0, col: 0 })
})

test('a finding is file:row:col: message, and exit status 1', async t => {
  const dir = folder(t, { 'policy/x.rego': 'package policies.x\n\nallow if input.resorce.id == "a"\n' })
  const human = await policy(dir, 'check', '.')
  t.is(human.status, 1)
  t.is(human.out, '')
  t.regex(human.err, /^policy\/x\.rego:3:10: undefined ref: input\.resorce\.id/)
  const { status, out } = await policy(dir, 'check', '--json', '.')
  t.is(status, 1)
  t.like(JSON.parse(out), { code: 'ERR_POLICY_CHECK', findings: [{ file: 'policy/x.rego', row: 3, col: 10, code: 'rego_type_error' }] })
})

test('a decision that cannot be cached is a warning with its place', async t => {
  const dir = folder(t, { 'policy/x.rego': 'package policies.x\n\nallow if input.context.time == "a"\n' })
  const { status, out } = await policy(dir, 'check', '.')
  t.is(status, 0)
  t.regex(out, /^policy\/x\.rego:3:10: warning: countersign\/request\/decision reads input\.context\.time, so it is evaluated anew for every call\n/)
})

test('a folder that is not there, or holds no policy, could not be run: exit status 2', async t => {
  const missing = await policy('.', 'check', '/nowhere')
  t.deepEqual(missing, { status: 2, out: '', err: 'countersign: ERR_POLICY_SOURCE: /nowhere is not a folder\n' })
  const dir = mkdtempSync(path.join(tmpdir(), 'countersign-policy-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  t.like(await policy(dir, 'test', '.'), { status: 2, err: 'countersign: ERR_POLICY_SOURCE: there is no .rego file below .\n' })
})

test('a failed test is shown with its values and exit status 1; no test at all is exit status 2', async t => {
  const dir = folder(t, { 'policy/x.rego': good, 'policy/x_test.rego': 'package x_test\n\ntest_a if data.policies.x.allow with input.resource.id as "a"\n\ntest_b if {\n\tn := 1\n\tn == 2\n}\n' })
  const { status, out } = await policy(dir, 'test', '.')
  t.is(status, 1)
  t.is(out, [
    'FAIL   policy/x_test.rego  1/2',
    '  fail  test_b  policy/x_test.rego:5',
    '          policy/x_test.rego:7: not true',
    '            n == 2',
    '            |',
    '            1',
    '2 tests: 1 passed, 1 failed',
    '',
  ].join('\n'))
  const passed = await policy(dir, 'test', '--filter', 'test_a', '--coverage', '.')
  t.is(passed.status, 0)
  t.is(passed.out.split('\n')[0], 'ok     policy/x_test.rego  1/1')
  t.regex(passed.out, /policy\/request\.rego +0\.0 % {2}not covered: 3\n/)
  t.like(await policy(dir, 'test', '--filter', 'test_c', '.'), { status: 2, err: 'countersign: ERR_POLICY_TEST: no test matches the filter\n' })
})

test('too little coverage is exit status 1, and the costs of rules are told', async t => {
  const dir = folder(t, { 'policy/x.rego': good, 'policy/x_test.rego': 'package x_test\n\ntest_a if data.policies.x.allow with input.resource.id as "a"\n' })
  const { status, out } = await policy(dir, 'test', '--threshold', '90', '--timing', '.')
  t.is(status, 1)
  t.regex(out, /\ncoverage 33\.3 % of 3 lines\n/)
  t.regex(out, /\ncoverage is below 90 %\n\d+\.\d ms in 1 rules\n +\d+\.\d ms +\d+\.\d % +\d+ evaluations {2}policies\.x\.allow {2}policy\/x\.rego:3\n/)
  t.is((await policy(dir, 'test', '--threshold', '33', '.')).status, 0)
  t.like(await policy(dir, 'test', '--threshold', '101', '.'), { status: 2 })
})

test('check tells a pull request and a CI server what it found', async t => {
  const dir = folder(t, { 'policy/x.rego': 'package policies.x\n\nallow if input.resorce.id == "a"\n' })
  const github = await policy(dir, 'check', '--format', 'github', '.')
  t.deepEqual([github.status, github.err], [1, ''])
  t.regex(github.out, /^::error file=policy\/x\.rego,line=3,col=10,title=rego_type_error::undefined ref: input\.resorce\.id/)
  t.regex((await policy(dir, 'check', '--format', 'junit', '.')).out, /<failure message="undefined ref: input\.resorce\.id/)
})

test('check --watch checks again at each save, by a compiler that stays', async t => {
  const dir = folder(t, { 'policy/x.rego': good })
  const child = spawn(process.execPath, [binary, 'policy', 'check', '--watch', '.'], { cwd: dir })
  t.teardown(() => child.kill())
  let said = ''
  const until = async (pattern: RegExp) => {
    const [from, timeout] = [said.length, AbortSignal.timeout(60_000)]
    while (!pattern.test(said.slice(from))) {
      timeout.throwIfAborted()
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    return said.slice(from)
  }
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Uint8Array) => { said += new TextDecoder().decode(chunk) })
  t.regex(await until(/watching for changes\n/), /^checking …\n3 files, 2 entrypoints: nothing to mend\nwatching for changes\n$/)
  writeFileSync(path.join(dir, 'policy/x.rego'), good.replace('resource', 'resorce'))
  t.regex(await until(/watching for changes\n/), /policy\/x\.rego:3:10: undefined ref: input\.resorce\.id/)
  writeFileSync(path.join(dir, 'policy/x.rego'), good)
  t.regex(await until(/nothing to mend\nwatching for changes\n/), /3 files/)
})

test('fmt --check lists and changes nothing, fmt rewrites', async t => {
  const dir = folder(t, { 'policy/x.rego': good.replace('allow if', 'allow   if') })
  t.like(await policy(dir, 'fmt', '--check', '.'), { status: 1, out: 'policy/x.rego\n' })
  t.not(readFileSync(path.join(dir, 'policy/x.rego'), 'utf8'), good)
  t.like(await policy(dir, 'fmt', '--diff', '.'), { status: 1, out: '--- a/policy/x.rego\n+++ b/policy/x.rego\n@@ -1,3 +1,3 @@\n package policies.x\n \n-allow   if input.resource.id == "a"\n+allow if input.resource.id == "a"\n' })
  t.like(await policy(dir, 'fmt', '.'), { status: 0, out: 'policy/x.rego\n' })
  t.is(readFileSync(path.join(dir, 'policy/x.rego'), 'utf8'), good)
})

test('build writes the same bundle twice and tells its digest', async t => {
  const dir = folder(t, { 'policy/x.rego': good })
  const [one, two] = [await policy(dir, 'build', '--json', '--output', 'one.tar.gz', '--serial', '4', '.'), await policy(dir, 'build', '--json', '--output', 'two.tar.gz', '--serial', '4', '.')]
  t.is(JSON.parse(one.out).digest, JSON.parse(two.out).digest)
  t.deepEqual(readFileSync(path.join(dir, 'one.tar.gz')), readFileSync(path.join(dir, 'two.tar.gz')))
  t.like(await policy(dir, 'build', '--serial', 'x', '.'), { status: 2, err: 'countersign: ERR_POLICY_BUILD: --serial is not a number\n' })
})

test('inspect tells what each entrypoint reads, and help gives examples and exit status', async t => {
  const dir = folder(t, { 'policy/x.rego': good })
  t.regex((await policy(dir, 'inspect', '.')).out, /countersign\/request\/decision reads\n {2}input\.resource\.id\n/)
  t.regex((await policy(dir, 'deps', '--rule', 'policies.x', '.')).out, /^policies\.x\.allow {2}policy\/x\.rego:3\n {2}input\.resource\.id {2}policy\/x\.rego:3\n$/)
  t.regex((await policy(dir, 'test', '--help')).out, /Examples:\n(.*\n)+Exit status: 0 fine; 1 findings/)
})

test('explain is asked of one call and one source, and says so', async t => {
  const dir = folder(t, { 'policy/x.rego': good, 'input.txt': '{"resource": {"id": "a"}}', 'list.txt': '[]' })
  const refused = async (message: string, ...args: string[]) => t.deepEqual(await policy(dir, 'explain', ...args), { status: 2, out: '', err: `countersign: ${message}\n` })
  await refused('ERR_POLICY_INPUT: say what is to be explained: --input FILE, or --evidence DIR with --keys, --session and --seq', '.')
  await refused('ERR_POLICY_INPUT: --evidence goes with --keys FILE, --session ID and --seq N', '--evidence', 'e', '--keys', 'k', '--session', 'abcd', '--seq', 'x', '.')
  await refused('ERR_POLICY_INPUT: the input is not an object', '--input', 'list.txt', '.')
  await refused('ERR_POLICY_SOURCE: give one of DIR, --bundle and --commit', '--input', 'input.txt', '--commit', 'main', '.')
  const { status, out } = await policy(dir, 'explain', '--input', 'input.txt', '.')
  t.is(status, 0)
  t.is(out, 'deny  no decision: the decision is malformed: / breaks "type"\n')
})
