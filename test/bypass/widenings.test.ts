// What once went past the gate of a policy review as no widening, one row each. Rows are only ever added.
import test from 'ava'
import { compareDecisions, directions } from '../../evidence/audit/replay/flip.ts'
import type { ApprovalRequirement, Decision } from '../../rego/index.ts'

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
