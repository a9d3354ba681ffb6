import test from 'ava'
import { shippedCapabilities } from '../../rego/capabilities.ts'
import { checkPolicies, loadPolicy, PolicyError, readBundle } from '../../rego/index.ts'
import { compileShipped, shipped } from './sources.ts'

const select = {
  kind: 'select', effects: ['read'], relations: [{ name: 'public.customers', access: ['read'] }], columns: [{ name: 'public.customers.ssn', uses: ['output'], class: 'US_SSN' }],
  routines: [], has_where: true, returning: false, unknown: [] as string[],
}

const policy = loadPolicy(readBundle(await compileShipped()))

function ask(statement: object, group: string, database = 'appdb/bank') {
  const input = {
    v: 1, subject: { type: 'user', id: 'idp|u', properties: { groups: [group] } }, action: { name: 'pg.any', properties: { effects: ['read'] } },
    resource: { type: 'database', id: database, properties: { target: database.split('/')[0], env: 'test', labels: [], database: 'bank', user: 'bank', relations: [] } },
    request: { protocol: 'postgres', database: 'bank', user: 'bank', statement: '', literals: [], parameters: [], statements: [{ ...select, ...statement }], multi: false, sensitive_predicate: [], sensitive_write: [], bytes: 10 },
    findings: { pii: { status: 'ok', classes: [] }, sql: { status: 'ok' }, projected: [] },
  }
  return policy.decide(input, JSON.stringify(input)).decision
}

test('an analyst reads customers with their numbers masked and only a digest on record', t => {
  const decision = ask({}, 'analysts')
  t.is(decision.effect, 'allow')
  t.deepEqual(decision.record, { level: 'digest', retention: '7y' })
  t.deepEqual(decision.limits, { bytes: 1_073_741_824, timeout_ms: 300_000 })
  t.true(['pg.ssn', 'pg.card', 'pg.contact', 'net'].every(id => decision.mask.some(rule => rule.id === id)))
})

test('deleting every customer waits for a lead, and nobody drops the table', t => {
  const held = ask({ kind: 'delete', effects: ['write'], has_where: false, relations: [{ name: 'public.customers', access: ['delete'] }] }, 'engineers')
  t.is(held.effect, 'require')
  t.deepEqual(held.reasons.map(({ id, msg }) => [id, msg]), [
    ['pg.protected', 'A lead has to approve changes of public.customers.'],
    ['pg.whole_table', 'UPDATE or DELETE without WHERE changes every row, so a lead has to approve it.'],
  ])
  t.deepEqual(held.approval?.groups, [{ any_of: ['leads'], min: 1 }])
  for (const group of ['analysts', 'leads', 'engineers', 'ci', 'contractors']) {
    const denied = ask({ kind: 'drop', effects: ['ddl'], relations: [{ name: 'public.customers', access: ['ddl'] }] }, group)
    t.is(denied.effect, 'deny')
    t.deepEqual(denied.reasons.map(({ id }) => id), ['pg.ddl'], group)
  }
})

test('a list shows the databases that a statement would reach, and no other', t => {
  const databases = ['appdb/bank', 'appdb/postgres', 'other/bank', 'appdb']
  for (const group of ['analysts', 'ci', 'contractors', 'strangers']) {
    const subject = { type: 'user', id: 'idp|u', properties: { groups: [group] } }
    const visible = policy.visible({ subject, items: databases.map(id => ({ type: 'database', id, properties: { target: id.split('/')[0] } })) } as { items: object[] })
    t.deepEqual(visible, databases.map(id => ask({}, group, id).effect === 'allow'), group)
  }
})

/** A rule on a misspelt fact says nothing, for ever: the check must. */
const misspelt: readonly (readonly [string, string])[] = [
  ['input.request.statments', 'input.request.statments'],
  ['some statement in input.request.statements\n\tstatement.has_were', 'statement.has_were'],
  ['some statement in input.request.statements\n\tsome relation in statement.relations\n\trelation.acces', 'relation.acces'],
  ['input.findings.sql.state', 'input.findings.sql.state'],
  ['some touched in input.resource.properties.relations\n\ttouched.colums', 'touched.colums'],
]

test('a misspelt fact of a statement does not pass the check', async t => {
  const rules = misspelt.map(([condition]) => `allow if {\n\t${condition}\n}\n`).join('\n')
  const rego = `# METADATA\n# schemas:\n#   - input: schema.input\npackage policies.mine\n\n${rules}`
  const files = new Map([...shipped, ['policy/mine.rego', new TextEncoder().encode(rego)]])
  const error = await t.throwsAsync(checkPolicies({ files, capabilities: shippedCapabilities() }), { instanceOf: PolicyError })
  t.is(error.code, 'ERR_POLICY_CHECK')
  for (const [, ref] of misspelt) t.true(error.findings.some(({ message }) => message.startsWith(`undefined ref: ${ref}`)), ref)
})
