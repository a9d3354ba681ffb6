import { Worker } from 'node:worker_threads'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { Approved, DeskFault } from '../../../gateway/approval/index.ts'
import { createApprovalStore, deskFaults, maxPendingPerCaller } from '../../../gateway/approval/index.ts'
import { maxListed } from '../../../gateway/approval/store.ts'
import { isRefusal, type Refusal } from '../../../gateway/refusal.ts'
import { ana, exportCall, lena, otto, person, requester, returning, scene, vera, type Scene, type Wanted } from './scene.ts'

/** Gone with its test. */
function folder(t: ExecutionContext): string {
  const made = mkdtempSync(join(tmpdir(), 'countersign-approval-'))
  t.teardown(() => { rmSync(made, { recursive: true }) })
  return made
}

async function hold(at: Scene, wanted: Wanted = {}): Promise<string> {
  const held = await at.approvals.obtain(exportCall(wanted), requester(), returning)
  if (!isRefusal(held) || held.approval === undefined) throw new Error('the call was not held')
  return held.approval.id
}

async function approve(at: Scene, id: string, by = lena, comment = ''): Promise<void> {
  const taken = await at.approvals.approve(id, by, comment)
  if ('fault' in taken) throw new Error(deskFaults[taken.fault])
}

const isApproved = (answer: Approved | Refusal): answer is Approved => !isRefusal(answer)
const codeOf = (answer: Approved | Refusal): string => isRefusal(answer) ? answer.code : 'approved'

test('a held call names its approval, and the same call meets the same one', async (t) => {
  await using at = scene()
  const first = await at.approvals.obtain(exportCall(), requester(), returning)
  const second = await at.approvals.obtain(exportCall(), requester(), returning)
  t.true(isRefusal(first) && isRefusal(second))
  if (!isRefusal(first) || !isRefusal(second)) return
  t.deepEqual([first.code, first.message], ['approval.pending', 'Waiting for approval'])
  t.is(first.approval?.url, `https://console.example/approvals/${first.approval?.id}`)
  t.deepEqual(first.approval, second.approval)
  t.deepEqual(at.edges.map(({ edge }) => edge), ['pending'])
})

test('two identical calls at the same moment open one approval', async (t) => {
  await using at = scene()
  const ids = await Promise.all([hold(at), hold(at), hold(at)])
  t.is(new Set(ids).size, 1)
})

test('an approved call goes through once; a replayed approval is refused', async (t) => {
  await using at = scene()
  const id = await hold(at)
  await approve(at, id)
  const granted = await at.approvals.obtain(exportCall(), requester(), returning)
  t.true(isApproved(granted))
  if (!isApproved(granted)) return
  t.deepEqual(granted.approval.approved_by, [lena.id])
  t.true(await granted.consume())
  t.false(await granted.consume())
  const again = await at.approvals.obtain(exportCall(), requester(), returning)
  t.is(codeOf(again), 'approval.pending')
  t.not((again as Refusal).approval?.id, id)
  t.deepEqual(at.edges.map(({ edge }) => edge), ['pending', 'approved', 'consumed', 'pending'])
})

test('an approver sees the change that the caller names', async (t) => {
  await using at = scene()
  const asked = async (ticket: string) => {
    const held = await at.approvals.obtain(exportCall({ argument: `for ${ticket}`, ticket }), requester(), returning)
    return isRefusal(held) ? at.approvals.get(held.approval?.id ?? '') : undefined
  }
  t.deepEqual((await asked('CHG-7'))?.request as unknown, { protocol: 'mcp', arguments: { what: 'for CHG-7' }, ticket: 'CHG-7' })
  t.deepEqual((await asked(''))?.request as unknown, { protocol: 'mcp', arguments: { what: 'for ' } })
})

test('an argument altered by one byte needs a new approval', async (t) => {
  await using at = scene()
  await approve(at, await hold(at))
  const altered = await at.approvals.obtain(exportCall({ argument: 'all customerz' }), requester(), returning)
  t.is(codeOf(altered), 'approval.pending')
  t.is(at.approvals.list('pending', lena).length, 1)
  t.is(at.approvals.list('approved', lena).length, 1)
})

test('an approval is its requester\'s alone, and only through the same client', async (t) => {
  await using at = scene()
  await approve(at, await hold(at))
  t.is(codeOf(await at.approvals.obtain(exportCall(), requester(person('ben')), returning)), 'approval.pending')
  t.is(codeOf(await at.approvals.obtain(exportCall(), requester({ ...ana, clientId: 'other' }), returning)), 'approval.pending')
  t.is(codeOf(await at.approvals.obtain(exportCall(), { ...requester(), target: 'other' }, returning)), 'approval.pending')
  t.is(codeOf(await at.approvals.obtain(exportCall(), requester(), returning)), 'approved')
})

test('a yes under another decision is superseded: other limits are another question', async (t) => {
  await using at = scene()
  await approve(at, await hold(at))
  const stricter = await at.approvals.obtain(exportCall({ limit: 10 }), requester(), returning)
  t.deepEqual([codeOf(stricter), (stricter as Refusal).message], ['approval.superseded', 'The approval no longer fits the policy in force'])
  t.is(codeOf(await at.approvals.obtain(exportCall({ limit: 10 }), requester(), returning)), 'approval.pending')
  t.deepEqual(at.edges.map(({ edge }) => edge), ['pending', 'approved', 'superseded', 'pending'])
})

const barred: readonly (readonly [string, Parameters<Scene['approvals']['approve']>[1], DeskFault, string])[] = [
  ['the requester', { ...ana, groups: ['leads'] }, 'requester', 'You cannot approve your own request'],
  ['somebody without the group', vera, 'group', 'You are in none of the groups that may decide this'],
  ['an agent with a lead\'s groups', { ...lena, type: 'agent', actor: { type: 'agent', id: 'a', chain: [] } }, 'machine', 'Only a person can decide; this is an agent or a workload'],
  ['a workload in the group', { ...lena, type: 'service' }, 'machine', 'Only a person can decide; this is an agent or a workload'],
]
for (const [who, principal, fault, message] of barred) {
  test(`${who} cannot approve, nor reject`, async (t) => {
    await using at = scene()
    const id = await hold(at)
    t.deepEqual(await at.approvals.approve(id, principal, ''), { fault })
    t.deepEqual(await at.approvals.reject(id, principal, ''), { fault })
    t.is(deskFaults[fault], message)
    t.is(at.approvals.get(id)?.state, 'pending')
    t.deepEqual(at.edges.map(({ edge }) => edge), ['pending'])
  })
}

test('who asks in somebody else\'s name cannot approve it in their own', async (t) => {
  await using at = scene()
  const asked = await at.approvals.obtain(exportCall(), requester({ ...ana, type: 'agent', actor: { type: 'agent', id: 'https://idp.example|relay', chain: [lena.id] } }), returning)
  const id = (asked as Refusal).approval?.id ?? ''
  t.deepEqual(await at.approvals.approve(id, lena, ''), { fault: 'requester' })
  t.is(deskFaults.requester, 'You cannot approve your own request')
  t.true('approval' in await at.approvals.approve(id, otto, ''))
})

test('the sponsor of a workload cannot approve its request', async (t) => {
  await using at = scene()
  const job = person('ci-job', ['ci'], { type: 'service', sponsor: lena.id })
  const held = await at.approvals.obtain(exportCall(), requester(job), returning)
  const id = (held as Refusal).approval?.id ?? ''
  t.deepEqual(await at.approvals.approve(id, lena, ''), { fault: 'sponsor' })
  t.is(deskFaults.sponsor, 'You answer for this workload, so you cannot approve its request')
  t.true('approval' in await at.approvals.approve(id, otto, ''))
})

test('one person under two identity providers neither approves their own request nor counts twice', async (t) => {
  await using at = scene()
  const elsewhere = (name: string, groups: readonly string[]) => person(name, groups, { id: `https://other.example|${name}` })
  const held = await at.approvals.obtain(exportCall({ quorum: 2, groups: [{ any_of: ['leads'], min: 2 }] }), requester(), returning)
  const id = (held as Refusal).approval?.id ?? ''
  t.deepEqual(await at.approvals.approve(id, elsewhere('ana.lind', ['leads']), ''), { fault: 'provider' })
  t.is(deskFaults.provider, 'You and somebody who asked or approved come from two identity providers, and could be one person')
  t.true('approval' in await at.approvals.approve(id, lena, ''))
  t.true('approval' in await at.approvals.approve(id, otto, ''))
  const job = await at.approvals.obtain(exportCall({ quorum: 2, groups: [{ any_of: ['leads'], min: 2 }] }), requester(person('job', [], { type: 'service', id: 'https://ci.example|job' })), returning)
  const second = (job as Refusal).approval?.id ?? ''
  t.true('approval' in await at.approvals.approve(second, lena, ''), 'a workload of another provider is no person')
  t.deepEqual(await at.approvals.approve(second, elsewhere('lena.l', ['leads']), ''), { fault: 'provider' })
  t.is(at.approvals.get(second)?.state, 'pending')
})

test('the sponsor of a workload is no approver under another identity provider either', async (t) => {
  await using at = scene()
  const held = await at.approvals.obtain(exportCall(), requester(person('job', [], { type: 'service', id: 'https://ci.example|job', sponsor: lena.id })), returning)
  t.deepEqual(await at.approvals.approve((held as Refusal).approval?.id ?? '', person('lena.l', ['leads'], { id: 'https://other.example|lena.l' }), ''), { fault: 'provider' })
})

test('people of a provider that governed config keeps apart approve what others ask for', async (t) => {
  await using at = scene(':memory:', () => ({}), ['https://contractors.example'])
  const held = await at.approvals.obtain(exportCall(), requester(person('cora', [], { id: 'https://contractors.example|cora' })), returning)
  t.true('approval' in await at.approvals.approve((held as Refusal).approval?.id ?? '', lena, ''))
})

test('an expired approval lets nothing through and cannot be given any more', async (t) => {
  await using at = scene()
  const approved = await hold(at)
  await approve(at, approved)
  const pending = await hold(at, { argument: 'other' })
  at.clock += 900_001
  t.deepEqual(await at.approvals.approve(pending, lena, ''), { fault: 'ended' })
  await at.approvals.sweep()
  t.deepEqual([at.approvals.get(approved)?.state, at.approvals.get(pending)?.state], ['expired', 'expired'])
  t.is(codeOf(await at.approvals.obtain(exportCall(), requester(), returning)), 'approval.pending')
  t.deepEqual(at.edges.filter(({ edge }) => edge === 'expired').length, 2)
})

test('a yes found in time but spent too late is worth nothing', async (t) => {
  await using at = scene()
  await approve(at, await hold(at))
  const granted = await at.approvals.obtain(exportCall(), requester(), returning) as Approved
  at.clock += 900_001
  t.false(await granted.consume())
})

test('a rejected request says why, until its time is over', async (t) => {
  await using at = scene()
  const id = await hold(at)
  await at.approvals.reject(id, lena, 'not before the audit')
  const refused = await at.approvals.obtain(exportCall(), requester(), returning)
  t.deepEqual([codeOf(refused), (refused as Refusal).message], ['approval.rejected', 'The approval was rejected: not before the audit'])
  t.is(codeOf(await at.approvals.obtain(exportCall({ argument: 'fewer' }), requester(), returning)), 'approval.pending')
  at.clock += 900_001
  t.is(codeOf(await at.approvals.obtain(exportCall(), requester(), returning)), 'approval.pending')
})

test('yes and no at the same moment: the no stands, and nothing goes through', async (t) => {
  await using at = scene()
  const id = await hold(at)
  const [yes, no] = await Promise.all([at.approvals.approve(id, lena, ''), at.approvals.reject(id, otto, 'no')])
  t.true('approval' in yes)
  t.true('approval' in no)
  t.is(at.approvals.get(id)?.state, 'rejected')
  t.is(codeOf(await at.approvals.obtain(exportCall(), requester(), returning)), 'approval.rejected')
  t.deepEqual(at.edges.map(({ edge }) => edge), ['pending', 'approved', 'revoked'])
})

test('who said yes may take it back until it is used', async (t) => {
  await using at = scene()
  const id = await hold(at)
  await approve(at, id)
  t.true('approval' in await at.approvals.reject(id, lena, 'wrong request'))
  t.is(codeOf(await at.approvals.obtain(exportCall(), requester(), returning)), 'approval.rejected')
})

test('a no after the yes was used comes too late, and says so', async (t) => {
  await using at = scene()
  const id = await hold(at)
  await approve(at, id)
  await (await at.approvals.obtain(exportCall(), requester(), returning) as Approved).consume()
  t.deepEqual(await at.approvals.reject(id, otto, ''), { fault: 'ended' })
})

test('a quorum counts distinct people: one person in two groups is one yes', async (t) => {
  await using at = scene()
  const id = await hold(at, { groups: [{ any_of: ['leads'], min: 1 }, { any_of: ['risk'], min: 1 }], quorum: 2 })
  await approve(at, id, otto)
  t.is(at.approvals.get(id)?.state, 'pending')
  t.deepEqual(await at.approvals.approve(id, otto, ''), { fault: 'decided' })
  await approve(at, id, vera)
  t.is(at.approvals.get(id)?.state, 'approved')
  t.deepEqual(at.edges.map(({ edge, statement }) => [edge, statement.by?.subject]), [['pending', undefined], ['pending', otto.id], ['approved', vera.id]])
})

test('two people of one group do not stand in for another group', async (t) => {
  await using at = scene()
  const id = await hold(at, { groups: [{ any_of: ['leads'], min: 1 }, { any_of: ['risk'], min: 1 }], quorum: 2 })
  await approve(at, id, lena)
  await approve(at, id, person('lars', ['leads']))
  t.is(at.approvals.get(id)?.state, 'pending')
})

test('a required comment must be there, and a comment has a maximum length', async (t) => {
  await using at = scene()
  const id = await hold(at, { justification: 'required' })
  t.deepEqual(await at.approvals.approve(id, lena, '  '), { fault: 'comment' })
  t.deepEqual(await at.approvals.approve(id, lena, 'x'.repeat(2_001)), { fault: 'comment' })
  t.is(deskFaults.comment, 'A comment is required here, and at most 2000 characters long')
  t.true('approval' in await at.approvals.approve(id, lena, 'ticket 7'))
})

test('a decision that names only a template asks the template\'s groups; one that nobody could give is refused', async (t) => {
  await using at = scene(':memory:', () => ({ lead: { groups: [{ anyOf: ['risk'], min: 1 }], ttlS: 60 } }))
  const id = await hold(at, { groups: [] })
  t.deepEqual(await at.approvals.approve(id, lena, ''), { fault: 'group' })
  await approve(at, id, vera)
  const nobody = await at.approvals.obtain(exportCall({ argument: 'other', groups: [], template: 'unknown' }), requester(), returning)
  t.deepEqual([codeOf(nobody), (nobody as Refusal).message], ['policy.error', 'Policy requires an approval that nobody could give'])
})

test('one caller cannot flood the approvers', async (t) => {
  await using at = scene()
  for (let i = 0; i < maxPendingPerCaller; i++) await hold(at, { argument: `try ${i}` })
  const flood = await at.approvals.obtain(exportCall({ argument: 'one more' }), requester(), returning)
  t.deepEqual([codeOf(flood), (flood as Refusal).message], ['policy.limit', 'Too many requests of this caller are waiting for approval'])
  t.is(codeOf(await at.approvals.obtain(exportCall(), requester(person('ben')), returning)), 'approval.pending')
})

test('a waiting call goes on when a lead says yes, and ends when the time is over or the caller goes', async (t) => {
  await using at = scene()
  const caller = new AbortController()
  let heldId = ''
  const waiting = at.approvals.obtain(exportCall(), requester(), { signal: caller.signal, held: ({ id }) => { heldId = id; return 'wait' } })
  while (heldId === '') await new Promise((resolve) => setImmediate(resolve))
  await approve(at, heldId)
  t.is(codeOf(await waiting), 'approved')

  let secondId = ''
  const second = at.approvals.obtain(exportCall({ argument: 'b' }), requester(), { signal: caller.signal, held: ({ id }) => { secondId = id; return 'wait' } })
  while (secondId === '') await new Promise((resolve) => setImmediate(resolve))
  at.clock += 900_001
  await at.approvals.sweep()
  const expired = await second
  t.deepEqual([codeOf(expired), (expired as Refusal).message], ['approval.pending', 'Nobody decided in time; the same call asks again'])

  let thirdId = ''
  const third = at.approvals.obtain(exportCall({ argument: 'c' }), requester(), { signal: caller.signal, held: ({ id }) => { thirdId = id; return 'wait' } })
  while (thirdId === '') await new Promise((resolve) => setImmediate(resolve))
  caller.abort()
  t.is(codeOf(await third), 'approval.pending')
  t.is(at.approvals.get(thirdId)?.state, 'pending')
})

test('an edge that cannot be recorded does not happen', async (t) => {
  await using at = scene()
  at.isRecordDown = true
  await t.throwsAsync(hold(at), { message: 'the journal is full' })
  t.deepEqual(at.approvals.list('all', lena), [])
  at.isRecordDown = false
  const id = await hold(at)
  at.isRecordDown = true
  await t.throwsAsync(at.approvals.approve(id, lena, ''), { message: 'the journal is full' })
  t.is(at.approvals.get(id)?.state, 'pending')
  at.isRecordDown = false
  await approve(at, id)
  t.is(at.approvals.get(id)?.state, 'approved')
})

test('a use that cannot be recorded is spent all the same: never used twice', async (t) => {
  await using at = scene()
  await approve(at, await hold(at))
  const granted = await at.approvals.obtain(exportCall(), requester(), returning) as Approved
  at.isRecordDown = true
  await t.throwsAsync(granted.consume(), { message: 'the journal is full' })
  at.isRecordDown = false
  t.false(await granted.consume())
})

test('requests of others, however many, push nobody\'s out of the list', async (t) => {
  await using at = scene()
  const id = await hold(at)
  // Each caller has a few, and all of them are for others to decide.
  for (let caller = 0; caller < 26; caller++) {
    for (let one = 0; one < 8; one++) {
      at.clock += 1
      await at.approvals.obtain(exportCall({ argument: `${one}`, groups: [{ any_of: ['risk'], min: 1 }] }), requester(person(`caller-${caller}`)), returning)
    }
  }
  t.is(at.approvals.list('pending', vera).length, maxListed)
  for (const state of ['pending', 'all'] as const) t.deepEqual(at.approvals.list(state, lena).map((approval) => approval.id), [id])
  t.deepEqual(at.approvals.list('pending', person('nobody')), [])
})

test('nobody sees or takes a request before its frame is on record', async (t) => {
  await using at = scene()
  const seen: number[] = []
  at.beforeEdge = () => { seen.push(at.approvals.list('all', lena).length); return Promise.resolve() }
  const id = await hold(at)
  t.deepEqual(seen, [0])
  at.beforeEdge = async ({ edge }) => { if (edge === 'approved') seen.push(at.approvals.get(id)?.state === 'pending' ? 1 : -1) }
  await approve(at, id)
  t.deepEqual(seen, [0, 1])
})

test('the statement on record binds operation, decision and requester, and holds no salt', async (t) => {
  await using at = scene()
  await hold(at)
  const { statement, approval } = at.edges[0]!
  t.deepEqual(Object.keys(statement).sort(), ['action', 'approval', 'decision', 'edge', 'expires', 'operation', 'requester', 'resource', 'session', 'target', 'v'])
  t.is(Buffer.from(statement.operation, 'base64url').length, 32)
  t.false(JSON.stringify(statement).includes(Buffer.from(approval.salt).toString('base64url')))
  const other = scene()
  await hold(other)
  t.not(other.edges[0]!.statement.operation, statement.operation)
})

test('four connections race to use one approval: one wins', async (t) => {
  const path = join(folder(t), 'state.db')
  await using at = scene(path)
  for (let round = 0; round < 5; round++) {
    const id = await hold(at, { argument: `round ${round}` })
    await approve(at, id)
    const workers = Array.from({ length: 4 }, () => new Worker(new URL('./consume-worker.ts', import.meta.url), { workerData: { path, id, now: at.clock } }))
    const wins = await Promise.all(workers.map((worker) => new Promise<boolean>((resolve, reject) => worker.once('message', resolve).once('error', reject))))
    t.is(wins.filter(Boolean).length, 1)
    t.is(at.approvals.get(id)?.state, 'consumed')
  }
})

test('approvals outlive the process that held them', async (t) => {
  const path = join(folder(t), 'state.db')
  let id = ''
  {
    await using before = scene(path)
    id = await hold(before)
  }
  await using after = scene(path)
  await approve(after, id)
  t.is(codeOf(await after.approvals.obtain(exportCall(), requester(), returning)), 'approved')
})

test('a claim that a crash left frees itself', async (t) => {
  await using at = scene()
  const id = await hold(at)
  createApprovalStore(at.database).claim(id, 'pending', at.clock)
  t.deepEqual(await at.approvals.approve(id, lena, ''), { fault: 'conflict' })
  t.is(deskFaults.conflict, 'Somebody else is deciding this at the same moment; look again')
  at.clock += 30_001
  t.true('approval' in await at.approvals.approve(id, lena, ''))
})

test('ended approvals are forgotten after a month; the record keeps them', async (t) => {
  await using at = scene()
  await at.approvals.reject(await hold(at), lena, '')
  at.clock += 31 * 86_400_000
  await at.approvals.sweep()
  t.deepEqual(at.approvals.list('all', lena), [])
})
