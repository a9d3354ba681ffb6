// Refusals in PostgreSQL's words: a standard SQLSTATE for each code, the reason, the rule and what to do.
import test from 'ava'
import { parseDiagnostic } from '../../../../gateway/protocols/postgres/messages.ts'
import { errorOf, refusalFields, sqlStateOf } from '../../../../gateway/protocols/postgres/refuse.ts'
import { refusal, refusalCodes } from '../../../../gateway/refusal.ts'

/** Those of PostgreSQL's Appendix A that a refusal can mean. */
const standard = new Set(['08P01', '08003', '08006', '0A000', '22021', '22023', '28000', '28P01', '3D000', '42501', '42601', '42704', '53000', '53300', '53400', '54000', '55000', '55P03', '57014', '57P01', '57P03', '58000', '58030', 'XX000'])

test('each refusal has a SQLSTATE of PostgreSQL\'s own', (t) => {
  for (const code of refusalCodes) t.true(standard.has(sqlStateOf(code)), `${code}: ${sqlStateOf(code)}`)
  t.deepEqual(['policy.denied', 'approval.pending', 'identity.token_expired', 'request.too_large', 'upstream.unavailable', 'record.unavailable', 'gateway.draining'].map((code) => sqlStateOf(code as 'policy.denied')), ['42501', '42501', '28P01', '54000', '08006', '58030', '57P01'])
})

test('a denied statement names the rule, the reason, the decision and its frame', (t) => {
  const refused = refusal('policy.denied', 'DELETE without WHERE is not allowed here', { reasons: [{ id: 'postgres.no_where', msg: 'a WHERE clause is required' }, { id: 'x', msg: 'y' }], decisionId: 'ab12', frame: 'c0ffee/7' })
  t.deepEqual([...refusalFields(refused, { severity: 'ERROR' })], [
    ['S', 'ERROR'], ['V', 'ERROR'], ['C', '42501'], ['M', 'DELETE without WHERE is not allowed here'],
    ['D', 'postgres.no_where: a WHERE clause is required\nx: y'],
    ['H', 'Nothing was run, and repeating it will be refused again: change what the reason names. Decision ab12. Recorded as frame c0ffee/7.'],
  ])
})

test('a pending approval says where a person decides', (t) => {
  const refused = refusal('approval.pending', 'A second person has to agree', { approval: { id: 'apr_1', url: 'https://gw.example/approvals/apr_1', expiresAt: 0 } })
  const fields = refusalFields(refused, { severity: 'ERROR' })
  t.is(fields.get('C'), '42501')
  t.is(fields.get('H'), 'Nothing was run. A person decides at https://gw.example/approvals/apr_1 (approval apr_1); then run exactly the same statement again.')
})

test('an approval that nobody gave in time is asked for anew, and no page is named where it is not any more', (t) => {
  t.is(refusalFields(refusal('approval.pending', 'Nobody decided in time'), { severity: 'ERROR' }).get('H'), 'Nothing was run. Run exactly the same statement again to ask anew.')
})

test('a rate limit is told from a limit of size, and says when to come back', (t) => {
  t.is(refusalFields(refusal('policy.limit'), { severity: 'ERROR' }).get('C'), '54000')
  const rate = refusalFields(refusal('policy.limit', 'Ten a minute', { retryAfterS: 20 }), { severity: 'ERROR' })
  t.is(rate.get('C'), '53400')
  t.is(rate.get('H'), 'Try again in 20 s.')
})

test('what the parser knows more exactly is said: its SQLSTATE and where in the text', (t) => {
  const fields = refusalFields(refusal('policy.denied', 'syntax error at or near "selekt"'), { severity: 'ERROR', sqlState: '42601', position: 1 })
  t.deepEqual([fields.get('C'), fields.get('P')], ['42601', '1'])
  t.false(refusalFields(refusal('policy.denied'), { severity: 'ERROR', position: 0 }).has('P'))
})

test('an expired token is FATAL and says what to do', (t) => {
  const fields = refusalFields(refusal('identity.token_expired'), { severity: 'FATAL' })
  t.deepEqual([...fields.values()], ['FATAL', 'FATAL', '28P01', 'The token has expired', 'Connect with a fresh token issued for this target as the password.'])
})

test('after an effect the hint never says that nothing was run', (t) => {
  for (const code of ['record.ambiguous', 'upstream.broken', 'upstream.timeout', 'mask.failed', 'upstream.too_large'] as const) {
    t.notRegex(refusalFields(refusal(code), { severity: 'ERROR' }).get('H') ?? '', /Nothing was run/, code)
  }
})

test('a NUL in a policy\'s message cannot end the field, and a long one is cut', (t) => {
  const read = parseDiagnostic(errorOf(refusal('policy.denied', 'a\0Cxxxxx', { reasons: Array.from({ length: 30 }, (_none, index) => ({ id: `r${index}`, msg: '😀'.repeat(1000) })) })))
  t.is(read.get('M'), 'a\ufffdCxxxxx')
  t.is(read.get('C'), '42501')
  t.true((read.get('D') ?? '').length <= 4_000)
  t.true((read.get('D') ?? '').isWellFormed())
})

test('thirty reasons are counted, not listed', (t) => {
  const fields = refusalFields(refusal('policy.denied', 'no', { reasons: Array.from({ length: 30 }, (_none, index) => ({ id: `r${index}`, msg: 'm' })) }), { severity: 'ERROR' })
  t.true(fields.get('D')?.endsWith('r19: m\nand 10 more'))
})
