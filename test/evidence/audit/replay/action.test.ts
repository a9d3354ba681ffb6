// The pull request's action, its steps run as the runner's shell would, on a real repository with two commits and a corpus from a real record.
import test from 'ava'
import { spawn, spawnSync } from 'node:child_process'
import { createPublicKey, generateKeyPairSync, hash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parse } from 'yaml'
import { namespaces } from '../../../../evidence/audit/replay/signature.ts'
import { allowedSigner } from '../../../../evidence/repository/sshsig.ts'
import { compileBundle, loadPolicy, readBundle, readPolicyFolder, shippedCapabilities } from '../../../../rego/index.ts'
import { SampleLog } from '../../verify/sample-log.ts'
import { toolCall } from './corpus-kit.ts'

const root = path.join(import.meta.dirname, '..', '..', '..', '..')
const actionFolder = path.join(root, '.github', 'actions', 'policy-review')
interface Step { readonly name: string; readonly run: string; readonly shell: string; readonly id?: string; readonly env?: Readonly<Record<string, string>> }
interface Action { readonly inputs: Readonly<Record<string, { readonly default?: string }>>; readonly outputs: Readonly<Record<string, { readonly value: string }>>; readonly runs: { readonly using: string; readonly steps: readonly Step[] } }
const action = parse(readFileSync(path.join(actionFolder, 'action.yml'), 'utf8')) as Action

const work = mkdtempSync(path.join(tmpdir(), 'policy-review-'))
const at = (...names: string[]) => path.join(work, ...names)
const repository = at('policy')

function ran(program: string, args: readonly string[], cwd = repository): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8', env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_AUTHOR_NAME: 'eli', GIT_AUTHOR_EMAIL: 'eli@bank.example', GIT_COMMITTER_NAME: 'eli', GIT_COMMITTER_EMAIL: 'eli@bank.example' } })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}${stdout}`)
  return stdout.trim()
}

const countersign = (...args: string[]) => ran(process.execPath, [path.join(root, 'gateway', 'countersign.js'), ...args], work)

async function prepare(): Promise<{ readonly base: string; readonly hostile: string }> {
  countersign('policy', 'new', repository)
  const { privateKey } = generateKeyPairSync('ed25519')
  writeFileSync(at('exporter.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
  writeFileSync(path.join(repository, 'allowed_signers'), allowedSigner('exporter@bank.example', Buffer.from(createPublicKey(privateKey).export({ format: 'jwk' }).x ?? '', 'base64url'), namespaces.corpus))
  ran('git', ['init', '-q', '-b', 'main'])
  const commit = (message: string) => { ran('git', ['add', '-A']); ran('git', ['commit', '-q', '-m', message]); return ran('git', ['rev-parse', 'HEAD']) }
  const base = commit('policy: as it is')

  const bundle = await compileBundle({ files: readPolicyFolder(repository), revision: base, serial: 1, capabilities: shippedCapabilities() })
  mkdirSync(at('bundles'))
  writeFileSync(at('bundles', 'one.tar.gz'), bundle)
  const policy = loadPolicy(readBundle(bundle))
  const log = new SampleLog(at('evidence'))
  const node = log.startEpoch()
  const session = log.open()
  for (const [tool, args, count] of [['run_report', { report: 'largest' }, 3], ['delete_customer', { id: 7 }, 2], ['drop_table', {}, 1]] as const) {
    for (let i = 0; i < count; i++) {
      const input = toolCall(tool, args, ['analysts'], 'ana')
      log.frame(session, { kind: 6, contents: { 7: JSON.stringify(input), 8: new TextDecoder().decode(policy.decide(input, JSON.stringify(input)).canonical) }, structure: new Map([[1, 'policy.denied']]), decisionId: Buffer.alloc(16, i), bundle: hash('sha256', bundle, 'buffer') })
    }
  }
  log.close(session)
  log.close(node)
  log.cut(3)
  writeFileSync(at('keys.jsonl'), log.keysFile())
  writeFileSync(at('log.vkey'), `${log.logVkey}\n`)
  countersign('evidence', 'export', '--replay-corpus', at('corpus.jsonl'), '--keys', at('keys.jsonl'), '--bundles', at('bundles'), '--sign', at('exporter.pem'), at('evidence'))

  const data = path.join(repository, 'data', 'mcp', 'data.json')
  const before = readFileSync(data, 'utf8')
  writeFileSync(data, before.replace('"deletes": ["bank/delete_customer"]', '"deletes": []'))
  if (readFileSync(data, 'utf8') === before) throw new Error('there is no list of deletes to empty')
  // The pull request names its own exporter, and hides a file from whoever reads attributes: neither counts.
  writeFileSync(path.join(repository, 'allowed_signers'), '')
  writeFileSync(path.join(repository, '.gitattributes'), '*_test.rego export-ignore\n')
  writeFileSync(path.join(repository, 'policy', 'house', 'more_test.rego'), 'package house_more_test\n\ntest_print if {\n\tprint("::error::stolen")\n\tfalse\n}\n')
  return { base, hostile: commit('policy: deletes need nobody') }
}

const revisions = await prepare()
// Not before: tests are declared in one go.
test.after.always(() => { rmSync(work, { recursive: true, force: true }) })

interface Run { readonly status: number | null; readonly output: string; readonly summary: string; readonly outputs: Readonly<Record<string, string>> }

/** As a composite action is run: expressions become variables, the step's own text stays as it is written. */
async function review(inputs: Readonly<Record<string, string>>, event: object = { pull_request: { labels: [], user: { login: 'eli' } } }, eventName = 'pull_request'): Promise<Run> {
  const folder = mkdtempSync(at('run-'))
  const file = (name: string, text = '') => { const full = path.join(folder, name); writeFileSync(full, text); return full }
  const files = { GITHUB_EVENT_PATH: file('event.json', JSON.stringify(event)), GITHUB_STEP_SUMMARY: file('summary.md'), GITHUB_OUTPUT: file('output') }
  const step = action.runs.steps.find(({ id }) => id === 'review')
  const given: Record<string, string> = { base: revisions.base, head: revisions.hostile, repository, corpus: at('corpus.jsonl'), 'log-key': at('log.vkey'), output: path.join(folder, 'out'), ...inputs }
  const env = Object.fromEntries(Object.entries(step?.env ?? {}).map(([name, value]) => {
    // Without `token` the step before it says nothing.
    return [name, value.replaceAll('${{ steps.approvals.outputs.names }}', '').replaceAll(/\$\{\{ inputs\.([a-z-]+) \}\}/g, (_, input: string) => given[input] ?? action.inputs[input]?.default ?? '')]
  }))
  const child = spawn('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', step?.run ?? 'exit 99'], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'], HOME: folder, RUNNER_TEMP: folder, GITHUB_ACTION_PATH: actionFolder, GITHUB_EVENT_NAME: eventName, ...files, ...env } })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => { output += chunk.toString() })
  const status = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  const outputs = Object.fromEntries(readFileSync(files.GITHUB_OUTPUT, 'utf8').split('\n').filter((line) => line !== '').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
  return { status, output, summary: readFileSync(files.GITHUB_STEP_SUMMARY, 'utf8'), outputs }
}

test('the action is composite, installs without scripts, and no input is part of a script', (t) => {
  t.is(action.runs.using, 'composite')
  t.deepEqual(action.runs.steps.map(({ shell }) => shell), ['bash', 'bash', 'bash'])
  t.true(action.runs.steps[0]?.run.startsWith('npm ci --ignore-scripts'))
  for (const { run } of action.runs.steps) t.false(run.includes('${{'))
  const text = readFileSync(path.join(actionFolder, 'action.yml'), 'utf8')
  t.false(/secrets\.|github\.token|docker/i.test(text))
  // The token that asks who approved is seen by that step alone, which runs nothing of the change.
  t.deepEqual(action.runs.steps.map(({ name, env = {} }) => [name, Object.values(env).some((value) => value.includes('inputs.token'))]), [['Install', false], ['Approvals', true], ['Review', false]])
  for (const { value } of Object.values(action.outputs)) t.regex(value, /^\$\{\{ steps\.review\.outputs\.[a-z0-9]+ \}\}$/)
})

test('an approval counts where the forge has it of this very commit, from somebody who may write here, and it was not taken back', async (t) => {
  const review = (login: string, state: string, more: object = {}) => ({ user: { login }, state, commit_id: 'head', author_association: 'MEMBER', ...more })
  const reviews = [
    review('lena', 'CHANGES_REQUESTED'), review('lena', 'APPROVED'), review('lena', 'COMMENTED'), review('gita', 'APPROVED', { author_association: undefined, official: true }),
    review('old', 'APPROVED', { commit_id: 'before' }), review('reads', 'APPROVED'), review('stranger', 'APPROVED', { author_association: 'CONTRIBUTOR' }), review('unofficial', 'APPROVED', { author_association: undefined, official: false }),
    review('back', 'APPROVED'), review('back', 'CHANGES_REQUESTED'), review('gone', 'APPROVED', { dismissed: true }), review('gone too', 'DISMISSED'), review('x\n::add-mask::', 'APPROVED'),
    ...Array.from({ length: 50 }, (_, nth) => review(`talks-${nth}`, 'COMMENTED')), review('omar', 'APPROVED', { author_association: 'OWNER' }),
  ]
  const asked: string[] = []
  await using server = createServer((request, response) => {
    asked.push(`${request.headers.authorization} ${request.url}`)
    const page = Number(new URL(request.url ?? '', 'http://forge').searchParams.get('page'))
    const login = /\/collaborators\/([a-z]+)\/permission$/.exec(request.url ?? '')?.[1]
    if (login !== undefined) { response.writeHead(login === 'stranger' ? 404 : 200).end(JSON.stringify({ permission: login === 'omar' ? 'admin' : login === 'lena' ? 'write' : 'read' })); return }
    response.writeHead(request.headers.authorization === 'Bearer token' ? 200 : 403).end(JSON.stringify(reviews.slice((page - 1) * 50, page * 50)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  writeFileSync(at('reviewed.json'), JSON.stringify({ pull_request: { number: 7 } }))
  const ask = async (token: string) => {
    const child = spawn(process.execPath, [path.join(actionFolder, 'approvals.js')], { env: { GITHUB_API_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, GITHUB_REPOSITORY: 'bank/policy', GITHUB_EVENT_PATH: at('reviewed.json'), HEAD: 'head', TOKEN: token } })
    const said = { out: '', err: '' }
    child.stdout.on('data', (chunk: Buffer) => { said.out += chunk.toString() })
    child.stderr.on('data', (chunk: Buffer) => { said.err += chunk.toString() })
    const status = await new Promise<number | null>((resolve) => child.once('close', resolve))
    return { status, ...said }
  }
  t.like(await ask('token'), { status: 0, out: 'lena\ngita\nomar\n' })
  t.deepEqual(asked, [
    ...[1, 2].map((page) => `Bearer token /repos/bank/policy/pulls/7/reviews?per_page=50&limit=50&page=${page}`),
    ...['lena', 'reads', 'stranger', 'omar'].map((login) => `Bearer token /repos/bank/policy/collaborators/${login}/permission`),
  ], 'a member of the organisation may be one who reads')
  const refused = await ask('wrong')
  t.is(refused.status, 1)
  t.true(refused.err.includes('the forge answered 403 when it was asked for reviews: does the job have pull-requests: read?'), refused.err)
})

test('one review: what flips is told, a label and an owner let it pass, a hidden test that fails does not, and nothing printed is a command', async (t) => {
  t.timeout(240_000)
  // One label is a shell's nightmare: it is a label all the same.
  const { status, output, summary, outputs } = await review({ 'approved-by': 'lena\n' }, { pull_request: { labels: [{ name: '$(touch pwned); `id` --unsigned' }, { name: 'policy-widening' }], user: { login: 'eli' } } })
  t.is(status, 1, output)
  t.deepEqual({ ...outputs, sha256: '', output: '' }, { exit: '0', verdict: 'fine', widening: '2', sha256: '', output: '' })
  t.regex(outputs['sha256'] ?? '', /^[0-9a-f]{64}$/)
  for (const text of ['approval removed', '`mcp.delete`', 'Base makes 6 of 6 recorded decisions again', 'labelled, and approved by an owner', 'policy test | **failed** (exit 1)', 'policy check | passed', 'signed by `exporter@bank.example`, log key checked']) t.true(summary.includes(text), `${text}: ${summary}`)
  for (const name of ['report.json', 'report.md', 'report.sarif', 'flips.patch']) t.notThrows(() => readFileSync(path.join(outputs['output'] ?? '', name)))
  ran('git', ['apply', '--check', path.join(outputs['output'] ?? '', 'flips.patch')])
  const stop = /^::stop-commands::([0-9a-f]{32})$/m.exec(output)?.[1] ?? 'none'
  const printed = output.indexOf('::error::stolen')
  t.true(printed > output.indexOf(stop) && printed < output.lastIndexOf(`::${stop}::`), output)
})

test('it does not run where there are secrets, nor with a revision that is an option', async (t) => {
  for (const name of ['pull_request_target', 'workflow_run']) {
    const { status, output } = await review({}, {}, name)
    t.is(status, 2)
    t.true(output.includes('runs Rego of a pull request'))
  }
  t.is((await review({ head: '--upload-pack=x' })).status, 2)
  t.is((await review({ head: '$(touch pwned)' })).status, 2)
})

/** The script as README.md says it is run where there is no action: variables, and nothing of GitHub's. */
async function byHand(cwd: string, variables: Readonly<Record<string, string>>): Promise<{ readonly status: number | null; readonly output: string }> {
  const child = spawn('bash', [path.join(actionFolder, 'review.sh')], { cwd, stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'], HOME: cwd, TMPDIR: work, BASE: revisions.base, HEAD: revisions.hostile, CORPUS: at('corpus.jsonl'), ...variables } })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => { output += chunk.toString() })
  const status = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  return { status, output }
}

function cloned(...args: readonly string[]): string {
  const folder = mkdtempSync(at('checkout-'))
  ran('git', ['clone', '-q', ...args, `file://${repository}`, folder])
  return folder
}

/** A report of an earlier run, or of the change's own. */
function withStale(checkout: string): string {
  mkdirSync(path.join(checkout, 'policy-review'))
  for (const name of ['report.json', 'report.md', 'report.sarif', 'flips.patch', 'old_test.rego']) writeFileSync(path.join(checkout, 'policy-review', name), 'all is fine')
  return path.join(checkout, 'policy-review')
}

test('a shallow checkout has no base: said in words, also where a folder is called like it, and no older report stays', async (t) => {
  const checkout = cloned('--depth', '1')
  const output = withStale(checkout)
  mkdirSync(path.join(checkout, revisions.base, 'policy'), { recursive: true })
  const said = `BASE, ${revisions.base}, is not in this shallow checkout: check out with fetch-depth 0, or git fetch --unshallow`
  const { status, output: log } = await byHand(checkout, {})
  t.is(status, 2, log)
  t.true(log.includes(said), log)
  t.deepEqual(readdirSync(output), ['report.md'])
  t.is(readFileSync(path.join(output, 'report.md'), 'utf8'), `## Policy replay: could not run\n\n\`\`\`\n${said}\n\`\`\`\n`)
  const run = await review({ repository: checkout })
  t.is(run.status, 2)
  t.like(run.outputs, { exit: '2', verdict: 'could not run' })
  t.true(run.summary.includes(said))
  // The command itself, asked for a commit that is not there.
  t.throws(() => countersign('policy', 'replay', '--base', revisions.base, '--head', 'HEAD', '--repository', checkout, '--corpus', at('corpus.jsonl')), { message: /is missing; a shallow clone may lack it \(fetch-depth: 0\)/ })
})

test('a fork without the base is told to fetch it, and what is no repository, that it is none', async (t) => {
  const fork = mkdtempSync(at('fork-'))
  ran('git', ['init', '-q', '-b', 'main'], fork)
  ran('git', ['commit', '-q', '--allow-empty', '-m', 'of its own'], fork)
  const { status, output } = await byHand(fork, { HEAD: 'HEAD' })
  t.is(status, 2)
  t.true(output.includes(`BASE, ${revisions.base}, is not in this checkout: fetch it, from the repository that the change is for`), output)
  const none = await byHand(mkdtempSync(at('none-')), { HEAD: 'HEAD' })
  t.is(none.status, 2)
  t.true(none.output.includes('there is no Git repository at .'), none.output)
})

test('a tag that is called as base\'s branch does not stand for base', async (t) => {
  const checkout = cloned()
  ran('git', ['update-ref', 'refs/remotes/origin/base', revisions.base], checkout)
  ran('git', ['tag', 'origin/base', revisions.hostile], checkout)
  for (const BASE of ['origin/base', 'origin/base~0']) {
    const { status, output } = await byHand(checkout, { BASE })
    t.is(status, 2, output)
    t.true(output.includes(`BASE, ${BASE}, is more than one commit: say refs/heads/..., refs/remotes/... or its id`), output)
  }
})

test('where the report goes is no place that the change chose', async (t) => {
  const checkout = cloned()
  const elsewhere = mkdtempSync(at('elsewhere-'))
  writeFileSync(path.join(elsewhere, 'report.md'), 'mine')
  symlinkSync(elsewhere, path.join(checkout, 'policy-review'))
  for (const OUTPUT of ['policy-review', 'policy-review/below']) t.like(await byHand(checkout, { OUTPUT }), { status: 2, output: 'policy-review: output is, or is below, a link: the change could have put it there\n' })
  t.like(await byHand(checkout, { OUTPUT: 'config.yaml' }), { status: 2, output: 'policy-review: output is a file: the change could have put it there\n' })
  t.deepEqual(readdirSync(elsewhere), ['report.md'])
  t.is(readFileSync(path.join(elsewhere, 'report.md'), 'utf8'), 'mine')
  t.like(await byHand(checkout, { CORPUS: '' }), { status: 2, output: 'policy-review: corpus is required: the file that countersign evidence export --replay-corpus wrote\n' })
  t.like(await byHand(checkout, { CORPUS: 'nowhere', BASE: 'HEAD', OUTPUT: 'out' }), { status: 2, output: 'policy-review: there is no corpus at nowhere\n' })
})

test('a merge commit on a detached head is reviewed by hand, with nothing of GitHub, and leaves nothing but its report', async (t) => {
  t.timeout(240_000)
  const checkout = cloned()
  const merge = ran('git', ['commit-tree', `${revisions.hostile}^{tree}`, '-p', revisions.base, '-p', revisions.hostile, '-m', 'merge'], checkout)
  ran('git', ['checkout', '-q', '--detach', merge], checkout)
  const output = withStale(checkout), own = mkdtempSync(at('own-'))
  const { status, output: log } = await byHand(checkout, { HEAD: 'HEAD', BASE: 'HEAD^1', APPROVED_BY: 'lena', TMPDIR: own })
  t.is(status, 1, log)                                      // nobody labelled it
  const report = readFileSync(path.join(output, 'report.md'), 'utf8')
  t.true(report.includes('approval removed') && report.includes('`mcp.delete`'), report)
  t.deepEqual(readdirSync(output).filter((name) => !name.endsWith('_test.rego')).toSorted(), ['flips.patch', 'report.json', 'report.md', 'report.sarif'])
  t.false(existsSync(path.join(output, 'old_test.rego')))
  t.deepEqual(readdirSync(own), [], 'no copy of the change is left')
  t.is((JSON.parse(readFileSync(path.join(output, 'report.json'), 'utf8')) as { head: { revision: string } }).head.revision, merge)
})
