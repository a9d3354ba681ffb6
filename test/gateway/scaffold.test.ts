import { execFile, spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import anyTest, { type ExecutionContext } from 'ava'
import git from 'isomorphic-git'
import { parse } from 'yaml'
import { parseGoverned } from '../../gateway/governed.ts'
import { createActivation, createBundleStore, createPolicyMemory, createPolicyRepository, type ActivationEvent } from '../../gateway/policy/index.ts'
import { parseAllowedSigners as listedForReview } from '../../evidence/verify/sshsig.ts'
import { parseAllowedSigners } from '../../gateway/policy/allowed-signers.ts'
import { effectivePacks, repositoryFiles } from '../../gateway/scaffold/repository.ts'
import { openDatabase } from '../../gateway/state/database.ts'
import { checkPolicies, formatPolicies, packNames, shippedCapabilities, testPolicies, type PackName } from '../../rego/index.ts'
import { lintPolicies } from '../../rego/lint/lint.ts'
import { Toolchain } from '../../rego/toolchain/process.ts'
import { commit, newSigner } from './policy/policy-repository.ts'

// One after the other: each compiler is a process of some 200 MB.
const test = anyTest.serial
const capabilities = shippedCapabilities()
const binary = join(import.meta.dirname, '../../gateway/countersign.js')
const made = (packs: readonly PackName[]) => repositoryFiles({ packs: effectivePacks(packs), version: '1.2.3', signers: [] })
const sourceOf = (files: ReadonlyMap<string, string>) => new Map([...files].filter(([name]) => /^(policy|data|schema)\//.test(name)).map(([name, text]) => [name, new TextEncoder().encode(text)]))

function folder(t: ExecutionContext): string {
  const dir = fs.mkdtempSync(join(tmpdir(), 'countersign-new-'))
  t.teardown(() => { fs.rmSync(dir, { recursive: true, force: true }) })
  return dir
}

function writeAll(dir: string, files: ReadonlyMap<string, string>): void {
  for (const [name, text] of files) {
    fs.mkdirSync(dirname(join(dir, name)), { recursive: true })
    fs.writeFileSync(join(dir, name), text)
  }
}

function policy(cwd: string, ...args: string[]): Promise<{ status: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [binary, 'policy', ...args], { cwd }, (error, out, err) => { resolve({ status: typeof error?.code === 'number' ? error.code : 0, out, err }) })
  })
}

test('a new policy repository passes check, tests, format and lint, and its config is valid, with every pack and with each', async (t) => {
  t.timeout(120_000)
  using toolchain = new Toolchain()
  const all = sourceOf(made(packNames))
  await checkPolicies({ files: all, capabilities, toolchain })
  t.deepEqual([...(await formatPolicies({ files: all, toolchain })).keys()], [])
  t.deepEqual(await lintPolicies(all, toolchain), [])
  for (const packs of [packNames, ...packNames.map((name) => [name])]) {
    const files = made(packs)
    // The library's own tests are the same each time.
    const filter = packs === packNames ? {} : { filter: '(house|baseline|mcp|http|postgres|grpc|ffiec)_test[.]' }
    const { tests } = await testPolicies({ files: sourceOf(files), capabilities, toolchain, ...filter })
    t.true(tests.length >= 7)
    t.deepEqual(tests.filter(({ outcome }) => outcome !== 'pass').map(({ name }) => name), [], packs.join())
    t.deepEqual(parseGoverned(files.get('config.yaml') ?? '', []).targets.map(({ name }) => name), (['mcp', 'http', 'pg'] as const).flatMap((name, at) => effectivePacks(packs).includes(name) ? [['bank', 'ledger', 'appdb'][at]] : []))
  }
})

test('what the readmes show of Rego compiles, is tested and keeps the house rules', async (t) => {
  const blocks = (file: string) => [...fs.readFileSync(new URL(`../../rego/${file}`, import.meta.url), 'utf8').matchAll(/```rego\n(.*?)```/gs)].map(([, text]) => text ?? '')
  const [rule = '', itsTest = ''] = blocks('README.md'), [payroll = ''] = blocks('INPUT.md')
  const files = new Map(made(['mcp', 'http', 'pg']))
  for (const [name, text] of [['policy/house/house.rego', rule], ['policy/house/house_test.rego', itsTest]] as const) files.set(name, `${files.get(name) ?? ''}\n${text}`)
  files.set('policy/payroll/payroll.rego', payroll)
  files.set('policy/payroll/payroll_test.rego', 'package payroll_test\n\nimport data.policies.payroll\n\ntest_payroll_reads if count(payroll.deny) == 0 with input as {"resource": {"type": "database"}}\n')
  using toolchain = new Toolchain()
  const run = { files: sourceOf(files), capabilities, toolchain }
  await checkPolicies(run)
  t.deepEqual(await lintPolicies(run.files, toolchain), [])
  t.deepEqual([...(await formatPolicies(run)).keys()], [])
  const { tests } = await testPolicies({ ...run, filter: '(house|payroll)_test[.]' })
  t.deepEqual(tests.map(({ name, outcome }) => [name, outcome]).slice(-2), [['test_a_report_is_held_for_a_lead', 'pass'], ['test_payroll_reads', 'pass']])
})

test('a gateway takes a commit of a new policy repository, and decides by it', async (t) => {
  const dir = folder(t), eli = newSigner('eli'), lena = newSigner('lena')
  const keys = [eli, lena].map(({ name, line }) => ({ file: name, text: `${line.trim().split(' ').slice(-2).join(' ')} ${name}@bank.example\n` }))
  const files = repositoryFiles({ packs: ['mcp', 'ffiec'], version: '1.2.3', signers: keys })
  writeAll(join(dir, 'policy'), files)
  await git.init({ fs, dir: join(dir, 'policy'), defaultBranch: 'main' })
  await commit(join(dir, 'policy'), eli)
  const events: ActivationEvent[] = []
  const database = openDatabase(join(dir, 'state.db'))
  t.teardown(() => { database.close() })
  const activation = createActivation({
    repository: createPolicyRepository(join(dir, 'policy'), 'refs/heads/main'), memory: createPolicyMemory(database), bundles: createBundleStore(join(dir, 'bundles')),
    pinned: { allowedSigners: eli.line + lena.line, quorum: 1 }, evidence: { epoch: 0, lastActivation: () => undefined }, now: Date.now, capabilities, parseGoverned: (text) => parseGoverned(text, []),
    onEvent(event) { events.push(event); return Promise.resolve() }, onActive: () => undefined,
  })
  await activation.start()
  t.deepEqual(events.map(({ event, serial, reason }) => [event, serial, reason]), [['activated', 1, undefined]])
  const agent = { type: 'agent', id: 'https://idp.example.com|ana', properties: { groups: ['analysts'], acr: 'phr', amr: [] }, actor: { type: 'agent', id: 'desk', chain: [] } }
  const input = {
    v: 1, phase: 'request', subject: agent, action: { name: 'tools/call', properties: { effects: ['delete'] } }, resource: { type: 'tool', id: 'bank/delete_customer', properties: { target: 'bank', env: 'prod', labels: ['pii'] } },
    request: { protocol: 'mcp', arguments: {} }, findings: { pii: { status: 'ok', classes: [] }, projected: [] }, context: { ticket: 'CHG-1' },
  }
  const decided = activation.active()?.policy.decide(input, JSON.stringify(input)).decision
  t.is(decided?.effect, 'deny')
  t.deepEqual(decided?.reasons.map(({ id, severity }) => [id, severity]).toSorted(), [['ffiec.agent_target', 'high'], ['ffiec.privileged', 'high'], ['house.agent_change', 'high'], ['mcp.delete', 'high']])
})

test('its workflow installs this version, holds no secret and writes nothing', (t) => {
  const text = made(['mcp']).get('.github/workflows/policy.yml') ?? ''
  const { permissions, env, jobs } = parse(text) as { permissions: object; env: Record<string, string>; jobs: Record<string, { permissions: object; steps: { run?: string; uses?: string }[] }> }
  // A name in a public registry belongs to whoever takes it first.
  t.deepEqual([permissions, env], [{}, { COUNTERSIGN: '${{ vars.COUNTERSIGN_TARBALL }}' }])
  t.deepEqual(Object.entries(jobs).map(([name, job]) => [name, job.permissions]), [['check', { contents: 'read' }], ['review', { contents: 'read', 'pull-requests': 'read' }]])
  t.notRegex(text, /secrets\.|pull_request_target/)
  for (const verb of ['check', 'lint', 'fmt', 'test']) t.true(jobs['check']?.steps.some(({ run }) => run?.startsWith(`countersign policy ${verb}`)), verb)
})

test('a pull request is reviewed by the corpus of the branch that it is for, whatever it does to its own', (t) => {
  const { jobs } = parse(made(['mcp']).get('.github/workflows/policy.yml') ?? '') as { jobs: Record<string, { steps: { id?: string; run?: string; uses?: string; if?: string; with?: object; env?: object }[] }> }
  const steps = jobs['review']?.steps ?? []
  const step = steps.find(({ id }) => id === 'corpus')
  t.deepEqual(step?.env, { BASE: '${{ github.event.pull_request.base.sha }}' })
  t.like(steps.find(({ uses }) => uses?.includes('policy-review')), { if: "steps.corpus.outputs.file != ''", with: { corpus: '${{ steps.corpus.outputs.file }}', token: '${{ github.token }}' } })
  const dir = folder(t)
  const run = (program: string, args: string[], more: Record<string, string> = {}) => spawnSync(program, args, { cwd: dir, encoding: 'utf8', env: { PATH: process.env['PATH'], GIT_CONFIG_GLOBAL: '/dev/null', GIT_AUTHOR_NAME: 'eli', GIT_AUTHOR_EMAIL: 'eli@bank.example', GIT_COMMITTER_NAME: 'eli', GIT_COMMITTER_EMAIL: 'eli@bank.example', ...more } })
  run('git', ['init', '-q', '-b', 'main'])
  const commit = (): string => { run('git', ['add', '-A']); run('git', ['commit', '-q', '--allow-empty', '-m', 'one']); return run('git', ['rev-parse', 'HEAD']).stdout.trim() }
  const chosen = (base: string) => {
    const temp = folder(t)
    fs.writeFileSync(join(temp, 'output'), '')
    const { status } = run('bash', ['-e', '-c', step?.run ?? 'exit 9'], { BASE: base, RUNNER_TEMP: temp, GITHUB_OUTPUT: join(temp, 'output') })
    const file = fs.readFileSync(join(temp, 'output'), 'utf8').trim().replace('file=', '')
    return [status, file === '' ? '' : fs.readFileSync(file, 'utf8') + fs.readFileSync(`${file}.sig`, 'utf8')]
  }
  const without = commit()
  fs.mkdirSync(join(dir, 'review'))
  fs.writeFileSync(join(dir, 'review', 'corpus.jsonl'), 'of base, ')
  const unsigned = commit()
  fs.writeFileSync(join(dir, 'review', 'corpus.jsonl.sig'), 'signed')
  const base = commit()
  for (const change of [() => { fs.writeFileSync(join(dir, 'review', 'corpus.jsonl'), 'of the change, ') }, () => { fs.rmSync(join(dir, 'review'), { recursive: true }) }]) {
    change()
    commit()
    t.deepEqual(chosen(base), [0, 'of base, signed'])
  }
  t.deepEqual(chosen(without), [0, ''])
  t.not(chosen(unsigned)[0], 0)
  t.not(chosen('0'.repeat(40))[0], 0)
})

test('policy new makes a folder, or fills a clone without commits, and refuses one that holds anything', async (t) => {
  const dir = folder(t)
  const { status, out } = await policy(dir, 'new', 'p', '--pack', 'http', '--json')
  t.is(status, 0)
  t.deepEqual((JSON.parse(out) as { packs: string[] }).packs, ['http'])
  t.deepEqual((JSON.parse(out) as { files: string[] }).files.filter((name) => !fs.existsSync(join(dir, 'p', name))), [])
  t.like(await policy(dir, 'lint', 'p'), { status: 0, err: '' })
  t.true((await policy(dir, 'handbook', 'p')).out.includes('\n| `house.restricted` | require | What is restricted needs a lead | medium | FFIEC-IS-II.C.7(c) | enforce | 1 | policy/house/house.rego:33 |\n'))
  const before = fs.readFileSync(join(dir, 'p', 'config.yaml'), 'utf8')
  t.like(await policy(dir, 'new', 'p'), { status: 2, err: 'countersign: ERR_USAGE: p is not an empty folder\n' })
  t.is(fs.readFileSync(join(dir, 'p', 'config.yaml'), 'utf8'), before)
  fs.mkdirSync(join(dir, 'clone', '.git'), { recursive: true })
  t.is((await policy(join(dir, 'clone'), 'new', '.')).status, 0)
  t.like(await policy(dir, 'new', 'other', '--pack', 'soap'), { status: 2 })
  t.false(fs.existsSync(join(dir, 'other')))
})

test('a signer is a public ed25519 key with the name of a person; a private key is not said again', (t) => {
  const one = (text: string) => () => repositoryFiles({ packs: ['mcp'], version: '1.2.3', signers: [{ file: 'key', text }] })
  const message = 'key is no public ssh-ed25519 key with a comment that names a person'
  t.throws(one('-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n'), { code: 'ERR_USAGE', message })
  t.throws(one(`ssh-ed25519 ${'A'.repeat(68)}`), { code: 'ERR_USAGE', message })
  t.throws(one(`ssh-rsa ${'A'.repeat(68)} eli`), { code: 'ERR_USAGE', message })
  t.throws(one(`ssh-ed25519 ${'A'.repeat(68)} web-flow`), { code: 'ERR_POLICY_UNTRUSTED', message: 'allowed_signers line 1: the key of a forge is no person' })
})

test('a person whom a new repository lists may sign for commits and vouch for a corpus, and session keys are not committed', (t) => {
  const { line } = newSigner('eli')
  const files = repositoryFiles({ packs: ['mcp'], version: '1.2.3', signers: [{ file: 'eli.pub', text: `${line.trim().split(' ').slice(-2).join(' ')} eli@bank.example\n` }] })
  const listed = files.get('allowed_signers') ?? ''
  t.deepEqual(parseAllowedSigners(listed).map(({ name, namespaces }) => [name, namespaces]), [['eli@bank.example', ['git', 'countersign-activation']]])
  t.is(listedForReview(listed, 'countersign-replay-corpus').length, 1)
  t.true(files.get('.gitignore')?.split('\n').includes('keys.jsonl'))
})

interface Task { readonly problemMatcher: { readonly pattern: Readonly<Record<string, unknown>> & { readonly regexp: string }; readonly background?: { readonly beginsPattern: string; readonly endsPattern: string } } }

/** One round of `check --watch`, as a terminal shows it: both streams, in lines. */
function watched(cwd: string): Promise<string[]> {
  const child = spawn(process.execPath, [binary, 'policy', 'check', '--watch', '.'], { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  return new Promise((resolve) => {
    const shown = ['', '']
    const take = (at: number) => (chunk: Buffer) => {
      shown[at] += chunk.toString()
      if (shown[0]?.includes('watching for changes\n') === true) child.kill('SIGKILL')
    }
    child.stdout.on('data', take(0))
    child.stderr.on('data', take(1))
    child.on('close', () => { resolve(shown.join('').split('\n')) })
  })
}

test("an editor's problem matcher reads what check and test print", async (t) => {
  const { tasks } = JSON.parse(made(['mcp']).get('.vscode/tasks.json') ?? '') as { tasks: Task[] }
  const [check, tests] = tasks.map(({ problemMatcher }) => problemMatcher)
  const read = (task: Task['problemMatcher'] | undefined, lines: readonly string[], ...names: readonly string[]) => {
    const match = lines.map((line) => new RegExp(task?.pattern.regexp ?? '').exec(line)).find((one) => one !== null)
    return names.map((name) => match?.[Number(task?.pattern[name])])
  }
  const dir = folder(t)
  writeAll(dir, made(['mcp']))
  const house = join(dir, 'policy/house/house.rego')
  const text = fs.readFileSync(house, 'utf8')
  fs.writeFileSync(house, text.replace('input.subject.type', 'input.subjekt.type'))
  const lines = await watched(dir)
  const [file, line, column, message] = read(check, lines, 'file', 'line', 'column', 'message')
  t.deepEqual([file, line, column], ['policy/house/house.rego', '23', '2'])
  t.regex(message ?? '', /^undefined ref: input\.subjekt/)
  for (const pattern of [check?.background?.beginsPattern, check?.background?.endsPattern]) t.is(lines.filter((one) => new RegExp(pattern ?? '$^').test(one)).length, 1, pattern)
  fs.writeFileSync(house, text.replace('input.subject.type == "agent"', 'input.subject.type == "agents"'))
  const failed = await policy(dir, 'test', '--filter', 'house', '.')
  t.deepEqual(read(tests, failed.out.split('\n'), 'message', 'file', 'line'), ['test_agents_change_nothing_in_production', 'policy/house/house_test.rego', '19'])
})
