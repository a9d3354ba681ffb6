// What once went past the gate of a policy review as no widening, one row each. Rows are only ever added.
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import git from 'isomorphic-git'
import { judge } from '../../evidence/audit/replay/gate.ts'
import type { ReplayResult } from '../../evidence/audit/replay/replay.ts'
import { directions } from '../../evidence/audit/replay/flip-kind.ts'
import { compareDecisions } from '../../evidence/audit/replay/flip.ts'
import { unprovenBy } from '../../evidence/audit/replay/unproven.ts'
import { readRevision } from '../../evidence/audit/replay/revision.ts'
import { createPolicyRepository } from '../../gateway/policy/index.ts'
import { readPolicyFolder } from '../../rego/index.ts'
import type { ApprovalRequirement, Decision } from '../../rego/index.ts'
import { commit, config, write } from '../gateway/policy/policy-repository.ts'

const allow: Decision = { effect: 'allow', reasons: [], approval: null, mask: [], limits: {}, record: { level: 'body', retention: '7y' }, obligations: [] }
const held = (groups: ApprovalRequirement['groups']): Decision => ({ ...allow, effect: 'require', approval: { template: 'lead', groups, quorum: 1, ttl_s: 900, justification: 'required', break_glass: false } })
const masked = (...mask: Decision['mask']): Decision => ({ ...allow, mask })
const leads = { any_of: ['leads'], min: 1 }, anyone = { any_of: ['leads', 'risk'], min: 1 }
const net = { id: 'net', match: { classes: ['US_SSN', 'PAN'] }, op: 'redact' as const }

const rows: readonly (readonly [string, Decision, Decision])[] = [
  ['the second of two approvers, whose group has the first one\'s in it', held([leads, anyone]), held([leads])],
  ['two approvers of three groups', held([leads, anyone, { any_of: ['leads', 'audit'], min: 1 }]), held([leads])],
  ['a mask for a column, which takes it out of the net and lets eight digits stand', masked(net), masked(net, { id: 'm.ssn', match: { columns: ['ssn'] }, op: 'partial', keep_last: 8 })],
  ['a mask for a path that makes tokens of what the net redacts', masked(net), masked(net, { id: 'm.card', match: { json_path: '/customers/*/card' }, op: 'tokenize' })],
  ['a record that is kept for a day', allow, { ...allow, record: { level: 'body', retention: '1d' } }],
]
for (const [name, base, head] of rows) {
  test(`asked for by the gate: ${name}`, (t) => {
    t.true(compareDecisions(base, head).some(({ kind }) => directions[kind] === 'widening'))
  })
}

const root = fs.mkdtempSync(join(tmpdir(), 'countersign-widenings-'))
test.after.always(() => { fs.rmSync(root, { recursive: true, force: true }) })

const open = 'package policies.open\n\nallow := true\n'
const hidden: readonly (readonly [string, string])[] = [
  ['Rego below node_modules, which every tool passes over and the compiler does not', 'policy/node_modules/open.rego'],
  ['data below node_modules', 'data/node_modules/data.json'],
  ['Rego in a file with nothing before its extension', 'policy/house/.rego'],
]
for (const [name, file] of hidden) {
  test(`refused by gateway, review and tools alike: ${name}`, async (t) => {
    const dir = fs.mkdtempSync(join(root, 'policy-'))
    await git.init({ fs, dir, defaultBranch: 'main' })
    write(dir, { 'config.yaml': config, 'policy/request.rego': 'package countersign.request\n', 'node_modules/pkg/package.json': '{}' })
    const repository = createPolicyRepository(dir, 'refs/heads/main')
    const before = await commit(dir, undefined)
    await t.notThrowsAsync(async () => { await repository.readTree(await repository.readCommit(before)) })
    t.notThrows(() => readPolicyFolder(dir))
    write(dir, { [file]: file.endsWith('.json') ? '{}' : open })
    const revision = await commit(dir, undefined)
    const read = await repository.readCommit(revision)
    await t.throwsAsync(repository.readTree(read), { code: 'ERR_POLICY_REPOSITORY', message: new RegExp(`"${file}" is policy where no review looks for any$`) })
    await t.throwsAsync(readRevision(dir, revision), { code: 'ERR_EVIDENCE_REPLAY', message: `"${file}" is policy where no review looks for any: a gateway refuses it` })
    t.throws(() => readPolicyFolder(dir), { code: 'ERR_POLICY_SOURCE', message: `"${file}" is policy where none is looked for` })
  })
}

test('refused by the review: a tag that is called as the branch that is base', async (t) => {
  const dir = fs.mkdtempSync(join(root, 'policy-'))
  await git.init({ fs, dir, defaultBranch: 'main' })
  write(dir, { 'config.yaml': config, 'policy/request.rego': 'package countersign.request\n' })
  const base = await commit(dir, undefined)
  t.is((await readRevision(dir, 'main'))?.revision, base)
  await git.branch({ fs, dir, ref: 'feature', checkout: true })
  write(dir, { 'policy/open.rego': open })
  const head = await commit(dir, undefined)
  await git.writeRef({ fs, dir, ref: 'refs/tags/main', value: head })
  await t.throwsAsync(readRevision(dir, 'main'), { code: 'ERR_EVIDENCE_REPLAY', message: '"main" is more than one commit: refs/tags/main, refs/heads/main' })
  await t.throwsAsync(readRevision(dir, 'main~1'), { code: 'ERR_EVIDENCE_REPLAY' })
  t.is((await readRevision(dir, 'refs/heads/main'))?.revision, base)
  await git.writeRef({ fs, dir, ref: `refs/heads/${base.slice(0, 10)}`, value: head })
  await t.throwsAsync(readRevision(dir, base.slice(0, 10)), { code: 'ERR_EVIDENCE_REPLAY', message: `"${base.slice(0, 10)}" is more than one commit: refs/heads/${base.slice(0, 10)}, commit ${base}` })
  t.is((await readRevision(dir, base))?.revision, base)
  // In a checkout of the pull request alone, where base is a branch of origin's.
  await git.writeRef({ fs, dir, ref: 'refs/remotes/origin/main', value: base })
  await git.deleteBranch({ fs, dir, ref: 'main' })
  await t.throwsAsync(readRevision(dir, 'main'), { code: 'ERR_EVIDENCE_REPLAY', message: '"main" is more than one commit: refs/tags/main, refs/remotes/origin/main' })
  await git.deleteTag({ fs, dir, ref: 'main' })
  t.is((await readRevision(dir, 'main'))?.revision, base)
})

const nothing = { unseen: [], unproven: undefined, unmet: [], beside: [] } as const

test('refused by the review: a change that its author approves without saying whose it is', (t) => {
  const flip = { kind: 'deny_to_allow', direction: 'widening', rules: [], subjects: [], before: '', after: '', calls: 1, rows: 1, cells: null, groups: [], targets: [], actions: [], resources: [], callers: [], controls: [], places: [] } as const
  const result = { flips: [flip], blocked: { calls: 0, callers: 0 }, faithfulness: { verdict: 'faithful' } } as unknown as ReplayResult
  for (const author of [undefined, '', ' ']) {
    t.like(judge(result, { labels: ['policy-widening'], approvedBy: ['eli'], author, warnBlocked: 0 }, 0, nothing), { exit: 1, missing: ['who proposes it (--author)', 'the approval of an owner other than the author'] })
  }
  t.is(judge(result, { labels: ['policy-widening'], approvedBy: ['eli'], author: 'omar', warnBlocked: 0 }, 0, nothing).exit, 0)
})

test('refused by the review: a refusal that nobody ran into is taken out of a file whose other rules are met', (t) => {
  const rule = (id: string): string => `deny contains {"id": "${id}", "msg": "No.", "controls": []} if input.resource.id == "bank/${id}"\n`
  const side = (behaviour: string, rego: string) => ({ engine: { behaviour }, files: new Map([['policy/desk/desk.rego', Buffer.from(`package policies.desk\n\n${rego}`)]]) }) as unknown as Parameters<typeof unprovenBy>[0]
  const [both, met] = [side('both', rule('desk.met') + rule('desk.never')), side('one', rule('desk.met'))]
  const replayed = { calls: 9, faithfulness: { verdict: 'faithful' }, fired: { base: new Map([['desk.met', 4]]), head: new Map([['desk.met', 4]]) } } as unknown as ReplayResult
  t.is(unprovenBy(both, met, replayed, []), 'not_met')
  t.is(unprovenBy(met, both, replayed, []), 'not_met')
  t.is(unprovenBy(both, side('reworded', rule('desk.met').replace('No.', 'Never.') + rule('desk.never')), replayed, []), undefined)
})
