// Two decisions compared, made by hand: what the golden policy cannot show.
import test from 'ava'
import { directions } from '../../../../evidence/audit/replay/flip-kind.ts'
import { compareDecisions } from '../../../../evidence/audit/replay/flip.ts'
import type { ApprovalRequirement, Decision } from '../../../../rego/index.ts'

const allow: Decision = { effect: 'allow', reasons: [{ id: 'a.allow', msg: 'Allowed.', controls: [], mode: 'enforce' }], approval: null, mask: [], limits: {}, record: { level: 'body', retention: '7y' }, obligations: [] }
const approval: ApprovalRequirement = { template: 'lead', groups: [{ any_of: ['leads'], min: 1 }], quorum: 1, ttl_s: 900, justification: 'optional', break_glass: true }
const held: Decision = { ...allow, effect: 'require', approval, reasons: [{ id: 'a.held', msg: 'Held.', controls: [], mode: 'enforce' }] }

const kinds = (base: Decision, head: Decision) => compareDecisions(base, head).map(({ kind }) => kind)

test('what goes the other way round in the golden set is told as well', (t) => {
  t.deepEqual(kinds(held, { ...held, approval: { ...approval, justification: 'required' } }), ['justification_added'])
  t.deepEqual(kinds(held, { ...held, approval: { ...approval, break_glass: false } }), ['break_glass_closed'])
  t.deepEqual(kinds(held, { ...held, approval: { ...approval, template: 'dba' } }), ['approval_template'])
  t.deepEqual(kinds({ ...held, approval: { ...approval, groups: [{ any_of: ['leads', 'risk'], min: 1 }] } }, held), ['approvers_narrowed'])
  t.deepEqual(kinds(held, { ...held, approval: { ...approval, groups: [...approval.groups, { any_of: ['risk'], min: 1 }] } }), ['approvers_narrowed'])
  t.deepEqual(kinds(held, { ...held, approval: { ...approval, groups: [{ any_of: ['leads'], min: 2 }] } }), ['approvers_narrowed'])
  t.like(compareDecisions(held, { ...held, approval: { ...approval, groups: [{ any_of: ['leads'], min: 2 }] } })[0], { before: '1 leads', after: '2 leads' }, 'the same group, more of it: the number says what changes')
  t.deepEqual(kinds({ ...allow, record: { level: 'meta', retention: '7y' } }, allow), ['record_extended'])
  t.deepEqual(kinds(allow, { ...allow, record: { level: 'body', retention: '10y' } }), ['retention_changed'])
  t.deepEqual(kinds(allow, { ...allow, reasons: allow.reasons.map((reason) => ({ ...reason, severity: 'high' as const })) }), ['severity_changed'])
})

test('approvers that only partly overlap count as wider: somebody may approve who could not', (t) => {
  const flips = compareDecisions(held, { ...held, approval: { ...approval, groups: [{ any_of: ['risk'], min: 1 }] } })
  t.deepEqual(flips.map(({ kind, before, after }) => [kind, before, after]), [['approvers_widened', 'leads', 'risk']])
})

test('a weaker mask beside a stronger one on the same column is no flip: the stronger holds', (t) => {
  const strong = { id: 'm.strong', match: { columns: ['SSN'] }, op: 'redact' as const }
  const weak = { id: 'm.weak', match: { columns: ['ssn'] }, op: 'partial' as const, keep_last: 4 }
  t.deepEqual(kinds({ ...allow, mask: [strong] }, { ...allow, mask: [weak, strong] }), [])
  t.deepEqual(kinds({ ...allow, mask: [strong, weak] }, { ...allow, mask: [weak] }), ['mask_weakened'])
})

test('one person instead of two is wider, though each group that is left was asked before', (t) => {
  const two = [{ any_of: ['leads'], min: 1 }, { any_of: ['leads', 'risk'], min: 1 }]
  t.deepEqual(kinds({ ...held, approval: { ...approval, groups: two } }, { ...held, approval: { ...approval, groups: [{ any_of: ['leads'], min: 1 }] } }), ['approvers_widened'])
  t.deepEqual(kinds(held, { ...held, approval: { ...approval, groups: two } }), ['approvers_narrowed'])
  t.deepEqual(kinds({ ...held, approval: { ...approval, groups: two } }, { ...held, approval: { ...approval, groups: [{ any_of: ['leads'], min: 2 }] } }), ['approvers_narrowed'], 'the seats of both are met by two leads')
})

test('a rule for a column or a path that says more than the net under it is a weaker mask, not one more', (t) => {
  const net = { id: 'net', match: { classes: ['US_SSN', 'PAN'] }, op: 'redact' as const }
  const own = { id: 'm.ssn', match: { columns: ['ssn'] }, op: 'partial' as const, keep_last: 8 }
  t.deepEqual(compareDecisions({ ...allow, mask: [net] }, { ...allow, mask: [net, own] }), [{ kind: 'mask_weakened', rules: ['m.ssn'], subjects: ['column ssn'], before: 'class redact', after: 'partial, last 8' }])
  t.deepEqual(kinds({ ...allow, mask: [net] }, { ...allow, mask: [net, { id: 'm.ssn', match: { json_path: '/ssn' }, op: 'tokenize' }] }), ['mask_weakened'])
  t.deepEqual(kinds({ ...allow, mask: [net] }, { ...allow, mask: [net, { ...own, op: 'null' }] }), ['mask_added'])
  t.deepEqual(kinds(allow, { ...allow, mask: [own] }), ['mask_added'], 'there is no net')
})

test('what is kept for a shorter time is kept less', (t) => {
  t.deepEqual(kinds(allow, { ...allow, record: { level: 'body', retention: '90d' } }), ['record_reduced'])
  t.deepEqual(kinds({ ...allow, record: { level: 'body', retention: '12m' } }, allow), ['retention_changed'])
})

test('masks and limits of a refused call say nothing', (t) => {
  const deny: Decision = { ...allow, effect: 'deny', reasons: [{ id: 'a.no', msg: 'No.', controls: [], mode: 'enforce' }] }
  t.deepEqual(kinds({ ...allow, mask: [{ id: 'm', match: { columns: ['x'] }, op: 'redact' }], limits: { rows: 1 } }, deny), ['allow_to_deny'])
})

test('a reason that is only tried out makes no effect of its own', (t) => {
  const tried: Decision = { ...allow, reasons: [...allow.reasons, { id: 'b.tried', msg: 'Tried.', controls: [], mode: 'dryrun' }] }
  t.deepEqual(compareDecisions(allow, tried), [{ kind: 'reasons_changed', rules: ['b.tried'], subjects: [], before: 'none', after: 'b.tried as dryrun' }])
})

test('equal decisions have no flips, and what lets more through is a widening', (t) => {
  t.deepEqual(compareDecisions(held, held), [])
  for (const kind of ['deny_to_allow', 'deny_to_approval', 'approval_removed', 'quorum_lowered', 'ttl_raised', 'approvers_widened', 'mask_removed', 'mask_weakened', 'limit_loosened', 'record_reduced'] as const) t.is(directions[kind], 'widening')
})
