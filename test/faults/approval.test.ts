// A yes is for one operation, once, by somebody else, for a while: whatever else is tried with it lets nothing through.
import test from 'ava'
import { bankOf, deskUrl } from '../e2e/gateway-kit.ts'
import { eventually } from '../e2e/recorded.ts'
import { startHere } from '../e2e/running.ts'
import type { Answer, Json, Running } from '../e2e/running.ts'

const bank = bankOf(test)
let gateway: Running
/** ms that this gateway's clock is ahead. */
let ahead = 0
test.serial.before(async () => { gateway = await startHere(await bank().home(), { now: () => Date.now() + ahead }) })

const remove = async (who: string, customer: string): Promise<Answer> => gateway.tool(await bank().token({ sub: who, expiresInS: 7200 }), 'delete_customer', { customer })
const refusalIn = (answer: Answer): Json => answer.json['result']?.['_meta']?.['countersign/refusal'] ?? {}
const approvalOf = (answer: Answer): string => String(refusalIn(answer)['approval']?.['id'])
const ran = (customer: string): number => bank().upstream.seen.filter(({ body }) => body.includes(customer)).length

async function decide(who: string, id: string, verb: 'approve' | 'reject', groups: readonly string[] = ['leads']): Promise<{ status: number; body: { [name: string]: unknown } }> {
  const token = await bank().token({ sub: who, groups, audience: deskUrl, expiresInS: 7200 })
  const response = await fetch(`${gateway.home.admin}/api/approvals/${id}/${verb}`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify({ comment: 'ticket 1042' }) })
  return { status: response.status, body: await response.json() as { [name: string]: unknown } }
}

const edges = (id: string): unknown[] => gateway.frames().filter(({ kind, structure }) => kind === 'approval' && structure?.['1'] === id).map(({ structure }) => structure?.['2'])

test('an approval is used once: the replay asks anew, and the operation ran once', async (t) => {
  const held = await remove('mara', 'C-100')
  t.is(refusalIn(held)['code'] as unknown, 'approval.pending')
  t.regex(held.text, /Exactly|exactly the same arguments/)
  const id = approvalOf(held)
  t.is((await decide('otto', id, 'approve')).status, 200)
  const done = await remove('mara', 'C-100')
  t.is(done.status, 200)
  t.is(ran('C-100'), 1)
  const replay = await remove('mara', 'C-100')
  t.is(refusalIn(replay)['code'] as unknown, 'approval.pending')
  t.not(approvalOf(replay), id)
  t.is(ran('C-100'), 1)
  t.is((await gateway.frame(replay.receipt)).structure?.['1'], 'approval.pending')
  t.deepEqual(await eventually(() => edges(id).length >= 3 ? edges(id) : undefined, 'the edges'), [0, 1, 6], 'pending, approved, consumed')
})

test('two calls race for one approval: one runs', async (t) => {
  const id = approvalOf(await remove('mara', 'C-200'))
  t.is((await decide('otto', id, 'approve')).status, 200)
  const both = await Promise.all([remove('mara', 'C-200'), remove('mara', 'C-200')])
  t.is(ran('C-200'), 1)
  t.is(both.filter((answer) => refusalIn(answer)['code'] !== undefined).length, 1)
})

test('an approved operation altered by one byte, or asked by another, is held again and runs nothing', async (t) => {
  const id = approvalOf(await remove('mara', 'C-300'))
  t.is((await decide('otto', id, 'approve')).status, 200)
  for (const altered of [await remove('mara', 'C-301'), await remove('pia', 'C-300')]) {
    t.is(refusalIn(altered)['code'] as unknown, 'approval.pending')
    t.not(approvalOf(altered), id)
    t.is((await gateway.frame(altered.receipt)).structure?.['1'], 'approval.pending')
  }
  t.is(ran('C-300') + ran('C-301'), 0)
})

test('a requester cannot approve, nor can somebody outside the group, nor the token of a tool', async (t) => {
  const id = approvalOf(await remove('mara', 'C-400'))
  const own = await decide('mara', id, 'approve')
  t.is(own.status, 403)
  t.is(own.body['title'], 'You cannot approve your own request')
  const outsider = await decide('ben', id, 'approve', ['analysts'])
  t.is(outsider.status, 404, 'to somebody else it does not exist')
  const response = await fetch(`${gateway.home.admin}/api/approvals/${id}/approve`, { method: 'POST', headers: { authorization: `Bearer ${await bank().token({ sub: 'otto' })}`, 'content-type': 'application/json' }, body: '{"comment":"x"}' })
  t.is(response.status, 401)
  t.is((await response.json() as { code?: string }).code, 'identity.audience')
  t.is(refusalIn(await remove('mara', 'C-400'))['code'] as unknown, 'approval.pending')
  t.is(ran('C-400'), 0)
})

test('a rejected operation stays refused in the approver\'s words', async (t) => {
  const id = approvalOf(await remove('mara', 'C-500'))
  t.is((await decide('otto', id, 'reject')).status, 200)
  const refused = await remove('mara', 'C-500')
  t.is(refusalIn(refused)['code'] as unknown, 'approval.rejected')
  t.true(refused.text.includes('The approval was rejected: ticket 1042'))
  t.is((await gateway.frame(refused.receipt)).structure?.['1'], 'approval.rejected')
  t.is(ran('C-500'), 0)
})

test.serial('a yes that has expired opens nothing, and cannot be given late', async (t) => {
  const used = approvalOf(await remove('mara', 'C-600'))
  const late = approvalOf(await remove('mara', 'C-601'))
  t.is((await decide('otto', used, 'approve')).status, 200)
  ahead = 901_000
  // The unsealed evidence has grown as old as the clock is ahead: calls wait until the sealer has caught up.
  const refused = await eventually(async () => { const said = await remove('mara', 'C-600'); return said.status === 503 ? undefined : said }, 'an answer')
  t.is(refusalIn(refused)['code'] as unknown, 'approval.pending')
  t.not(approvalOf(refused), used)
  const verdict = await decide('otto', late, 'approve')
  t.is(verdict.status, 409)
  t.is(verdict.body['title'], 'This request is no longer waiting')
  t.is(ran('C-600') + ran('C-601'), 0)
  t.true(await eventually(() => edges(used).includes(3) && edges(late).includes(3) ? true : undefined, 'the edge expired'))
  ahead = 0
})
