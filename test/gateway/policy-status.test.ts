import test from 'ava'
import { policyCheck, policyDocument, policyLogLine } from '../../gateway/policy-status.ts'
import type { PolicyStatus } from '../../gateway/policy/index.ts'

const source = { repository: 'policy', ref: 'refs/heads/main' }
const status: PolicyStatus = { active: { revision: 'a', serial: 2, digest: 'b', signers: [] }, head: 'c', staleS: 0, reviews: [] }
const short = (signed: number, needed: number): PolicyStatus => ({ ...status, refused: { revision: 'c', code: 'ERR_POLICY_QUORUM', message: `${signed} of ${needed} people have signed for it` }, pending: { signed, needed } })
const refusedFor = (code: string) => ({ event: 'refused', revision: 'c', serial: 0, signers: [], reason: { code, message: '' } }) as const

test('a commit that waits for its second signature is said to wait, and nobody is alarmed', (t) => {
  const one = short(1, 2)
  t.deepEqual(policyLogLine(refusedFor('ERR_POLICY_QUORUM'), one), { level: 'info', message: 'policy waits for 1 more signature: it has 1 of 2', event: 'waiting' })
  t.is(policyLogLine(refusedFor('ERR_POLICY_QUORUM'), short(0, 2)).message, 'policy waits for 2 more signatures: it has 0 of 2')
  t.is(policyCheck(one, source).reason, 'serial 2, revision a; the head waits for 1 more signature: it has 1 of 2')
  t.deepEqual(policyDocument(one, source)['pending'], { signatures: 1, of: 2, message: '1 of 2 people have signed for it' })
  t.false('refused' in policyDocument(one, source))
})

test('what is refused is called refused, also beside a commit that waits', (t) => {
  const refused: PolicyStatus = { ...status, refused: { revision: 'c', code: 'ERR_POLICY_TEST', message: 'm' } }
  t.deepEqual(policyLogLine(refusedFor('ERR_POLICY_TEST'), refused), { level: 'warn', message: 'policy refused', event: 'refused' })
  t.deepEqual(policyLogLine(refusedFor('ERR_POLICY_REMOTE'), short(1, 2)), { level: 'warn', message: 'policy refused', event: 'refused' })
  t.is(policyCheck(refused, source).reason, 'serial 2, revision a; the head is refused: ERR_POLICY_TEST')
  t.deepEqual(policyDocument(refused, source)['refused'], { revision: 'c', code: 'ERR_POLICY_TEST', message: 'm' })
})
