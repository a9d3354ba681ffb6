// The main job, as a newcomer runs it: `countersign start --once`. Then the record it leaves is opened, and every decision is made again.
import { execFile, spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import pg from 'pg'

const run = promisify(execFile)
const launcher = path.join(import.meta.dirname, '..', '..', 'gateway', 'countersign.js')
const countersign = (...args: string[]) => run(process.execPath, [launcher, ...args], { maxBuffer: 64 * 1024 * 1024 })
  .then(({ stdout, stderr }) => ({ code: 0, output: stdout + stderr, stdout }), (error: { code: number; stdout: string; stderr: string }) => ({ code: error.code, output: error.stdout + error.stderr, stdout: error.stdout }))

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-tour-'))
// Else root's PostgreSQL, which runs as somebody else, makes its cluster where that one can go, and nobody removes it.
fs.chmodSync(folder, 0o755)
const dir = path.join(folder, 'home')
const at = (...names: string[]) => path.join(dir, ...names)
test.after.always(() => fs.rmSync(folder, { recursive: true, force: true }))

interface Redecided { readonly session: string; readonly seq: number; readonly outcome: string; readonly message: string }

test.serial('every step of the tour does what it says, and the record of it is intact and complete', async (t) => {
  t.timeout(240_000)
  const { code, output } = await countersign('start', '--once', '--dir', dir)
  t.is(code, 0, output)
  t.regex(output, /Every step did what it says/)
  t.notRegex(output, /✗/)
  for (const form of ['ssn', 'ssn AS x', 'ssn || \'\'', '(SELECT max(ssn) FROM customers)']) t.true(output.includes(`✓ ${form} comes back masked`), form)
  t.regex(output, /ERROR 42501: [^\n]+\n[^\n]*DETAIL: pg\.ddl: [^\n]+\n\s+decision [0-9a-f]{32}, frame [0-9a-f]{32}\/\d+/)
  for (const said of ['the session lives on', 'a DELETE on a protected table is held, and the client is told', 'approved by a lead, it goes through in the same session', 'the record has each statement with its decision and rule']) t.true(output.includes(`✓ ${said}`), said)
  for (const said of ['the calls just recorded are exported without names, signed, each with its proof', 'the policy in force makes every recorded decision again, byte for byte', 'wider access cannot be merged without a label and an owner other than eli (exit 1)']) t.true(output.includes(`✓ ${said}`), said)
  for (const said of ['the requester cannot approve it herself', 'the job\'s sponsor cannot approve it', 'one flipped byte is caught and named (exit 1)', 'a removed session is caught and named (exit 1)', 'a rewritten history, against the kept checkpoint is caught and named (exit 1)']) {
    t.true(output.includes(`✓ ${said}`), said)
  }
})

test.serial('after the stop the record is closed: verified with the keys, the trust file and the kept checkpoint it is green', async (t) => {
  const { code, output } = await countersign('evidence', 'export', '--keys', at('keys.jsonl'), at('gateway', 'keys'))
  t.is(code, 0, output)
  const verdict = await countersign('evidence', 'verify', '--json', '--trust', at('examiner', 'trust.json'), '--since', at('examiner', 'checkpoint'), '--keys', at('keys.jsonl'), at('gateway', 'evidence'))
  t.is(verdict.code, 0, verdict.output)
  const { checked, false_count, gap_count } = JSON.parse(verdict.stdout) as { checked: { intents: number; outcomes: number; sessions: number; closed: number }; false_count: number; gap_count: number }
  t.is(false_count + gap_count, 0)
  t.is(checked.intents, checked.outcomes)
  t.is(checked.sessions, checked.closed)
})

test.serial('every decision of the tour is made again from the record and the bundle alone', async (t) => {
  const { code, stdout, output } = await countersign('evidence', 'redecide', '--json', '--bundles', at('gateway', 'state', 'bundles'), '--keys', at('keys.jsonl'), at('gateway', 'evidence'))
  t.is(code, 0, output)
  const decisions = stdout.trim().split('\n').map((line) => JSON.parse(line) as Redecided)
  t.true(decisions.length >= 12)
  t.deepEqual(decisions.filter(({ outcome }) => outcome !== 'same'), [])
})

test.serial('no SSN, card or account number of the bank is anywhere in the gateway\'s directory, opened or not', async (t) => {
  const { generateCustomers } = await import('../../scripts/demo/bank.ts')
  const secrets = generateCustomers().flatMap(({ ssn, card, account }) => [ssn, card, account])
  const sessions = JSON.parse((await countersign('evidence', 'ls', '--json', at('gateway', 'evidence'))).stdout) as { session: string }[]
  const opened = await Promise.all(sessions.map(({ session }) => countersign('evidence', 'show', '--json', '--keys', at('keys.jsonl'), session, at('gateway', 'evidence'))))
  const shown = opened.map(({ output }) => output).join('')
  t.true(shown.includes('[REDACTED:'))
  t.deepEqual(secrets.filter((value) => shown.includes(value)), [])
  for (const file of fs.readdirSync(at('gateway'), { recursive: true, encoding: 'utf8' })) {
    if (!fs.statSync(at('gateway', file)).isFile()) continue
    const text = fs.readFileSync(at('gateway', file), 'latin1')
    t.deepEqual(secrets.filter((value) => text.includes(value)), [], file)
  }
})

test.serial('stock git accepts every commit of the evidence log', async (t) => {
  const git = (...args: string[]) => run('git', ['--git-dir', at('gateway', 'evidence', 'log.git'), ...args])
  const signers = at('gateway', 'sealer', 'allowed_signers')
  const { stdout } = await git('-c', 'gpg.format=ssh', '-c', `gpg.ssh.allowedSignersFile=${signers}`, 'log', '--format=%G?', 'main')
  const verdicts = stdout.trim().split('\n')
  t.true(verdicts.length >= 3)
  t.deepEqual([...new Set(verdicts)], ['G'])
  const fsck = await git('fsck', '--strict')
  t.is(fsck.stdout + fsck.stderr, '')
})

test.serial('a second start resumes the same bank, and the record goes on', async (t) => {
  t.timeout(240_000)
  const before = JSON.parse((await countersign('evidence', 'verify', '--json', at('gateway', 'evidence'))).stdout) as { log: { size: number } }
  const { code, output } = await countersign('start', '--once', '--dir', dir)
  t.is(code, 0, output)
  const after = JSON.parse((await countersign('evidence', 'verify', '--json', at('gateway', 'evidence'))).stdout) as { log: { size: number }; checked: { epochs: number }; false_count: number }
  t.is(after.false_count, 0)
  t.is(after.checked.epochs, 2)
  t.true(after.log.size > before.log.size)
})

test.serial('while it stays up, the line it prints for psql works as printed, and shows masked values', async (t) => {
  t.timeout(240_000)
  const child = spawn(process.execPath, [launcher, 'start', '--dir', dir], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  let output = ''
  const line = await new Promise<string>((resolve, reject) => {
    child.once('exit', () => reject(new Error(output)))
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      const [, command, then] = /PostgreSQL +(PGPASSWORD=.* postgres) +\(then: (.*)\)\n/.exec(output) ?? []
      if (command !== undefined) resolve(`${command} -c '${then}'`)
    })
  })
  try {
    const [, port = ''] = / -p (\d+) /.exec(line) ?? []
    const { code, stdout } = await countersign('token', '--user', 'ana', '--for', 'appdb', '--dir', dir)
    t.is(code, 0)
    const examined = await countersign('doctor', '--json', '--config', at('gateway', 'gateway.yaml'))
    t.deepEqual((JSON.parse(examined.stdout) as { level: string; check: string }[]).flatMap(({ level, check }) => level === 'fine' ? [] : [check]), ['raw_columns'])
    const client = new pg.Client({ host: '127.0.0.1', port: Number(port), database: 'postgres', user: 'ana', password: stdout.trim() })
    await client.connect()
    t.is((await client.query('select ssn as x from customers where id = 1001')).rows[0].x, '[REDACTED:pg.ssn]')
    await client.end()
    if (!await run('psql', ['--version']).then(() => true, () => false)) return t.log('no psql here: the line was followed by hand')
    const { stdout: shown } = await run('bash', ['-c', line.replaceAll('npx countersign', `"${process.execPath}" "${launcher}"`)])
    t.is(shown.match(/\[REDACTED:pg\.ssn\]/g)?.length, 3, shown)
  } finally {
    child.kill('SIGTERM')
    await ended
  }
})

test.serial('a folder that an earlier version made, without PostgreSQL behind the gateway, is not half started', async (t) => {
  const older = path.join(folder, 'older')
  fs.mkdirSync(older)
  fs.writeFileSync(path.join(older, 'demo.json'), JSON.stringify({ ports: { gateway: 7400, admin: 7401, provider: 7402, mcp: 7403, ledger: 7404 } }))
  const { code, output } = await countersign('start', '--once', '--dir', older)
  t.is(code, 2)
  t.regex(output, /older was made by an earlier version, without PostgreSQL behind the gateway\. Choose another folder with --dir\./)
})
