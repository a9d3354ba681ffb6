// What once got a yes, or a word of policy, out of a decision point that the same caller would not have had elsewhere. Rows are only ever added.
import test from 'ava'
import { bankConfig, bankOf, deskUrl, publicUrl } from '../e2e/gateway-kit.ts'
import { readInput } from '../e2e/recorded.ts'
import { startHere } from '../e2e/running.ts'
import type { Answer, Json, Running } from '../e2e/running.ts'

const bank = bankOf(test, (about) => {
  const config = bankConfig(about) as { identity: { audiences: string[]; services?: string[] }[]; targets: object[] }
  config.identity[0]?.audiences.push(`${publicUrl}/pdp`)
  return {
    ...config, sponsors: { [`${about.issuer}|orphan`]: `${about.issuer}|gone`, [`${about.issuer}|batch`]: `${about.issuer}|lena`, [`${about.issuer}|gateway-of-lena`]: `${about.issuer}|lena` },
    targets: [...config.targets, { name: 'pdp', protocol: 'authzen', prefix: '/pdp', env: 'prod', authzen: { enforcement_points: ['enforcement-points'] } }],
  }
})
let gateway: Running
test.serial.before(async () => { gateway = await startHere(await bank().home()) })

const evaluation = '/access/v1/evaluation', evaluations = '/access/v1/evaluations', data = '/v1/data/countersign/request/decision'
const who = (name: string, properties: object = {}, type = 'user') => ({ type, id: `${bank().issuer}|${name}`, properties: { groups: ['analysts'], ...properties } })
const call = (tool: string, args: object = { report: 'daily' }) => ({
  action: { name: 'tools/call', properties: { effects: ['read'] } }, resource: { type: 'tool', id: `bank/${tool}`, properties: { target: 'bank', env: 'prod' } },
  context: { request: { method: 'tools/call', tool, arguments: args } },
})
async function ask(path: string, body: object, { sub = 'api-gateway', groups = ['enforcement-points'] }: { sub?: string; groups?: readonly string[] } = {}): Promise<Answer> {
  return await gateway.send(`/pdp${path}`, { method: 'POST', token: await bank().token({ sub, groups, audience: 'pdp' }), headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
}
async function approve(answer: Answer, sub: string): Promise<number> {
  const { id } = answer.json['context']?.['access_request'] as unknown as { id: string }
  const token = await bank().token({ sub, groups: ['leads'], audience: deskUrl })
  return (await fetch(`${gateway.home.admin}/api/approvals/${id}/approve`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: '{"comment":"CHG-7"}' })).status
}

test('refused: somebody who has left, asked about by OPA\'s data API', async (t) => {
  const answer = await ask(data, { input: { subject: who('gone'), ...call('run_report') } })
  t.is(answer.status, 403)
  t.like(answer.json, { code: 'identity.off_boarded', detail: 'The caller has been off-boarded' })
  t.false(answer.text.includes('"effect"'))
})

test('refused: a workload whose sponsor has left, as it is where it calls by itself', async (t) => {
  const answer = await ask(evaluation, { subject: who('orphan', {}, 'service'), ...call('run_report') })
  t.like(answer.json, { decision: false, context: { code: 'identity.off_boarded', message: 'The caller has been off-boarded' } })
})

test('refused: the sponsor of a workload approves what is asked in its name', async (t) => {
  const question = { subject: who('batch', {}, 'service'), ...call('export_customers') }
  t.is(await approve(await ask(evaluation, question), 'lena'), 403)
})

test('refused: the sponsor of an enforcement point approves what it asks in somebody\'s name', async (t) => {
  const question = { subject: who('ana'), ...call('export_customers', { branch: 'Quay' }) }
  t.is(await approve(await ask(evaluation, question, { sub: 'gateway-of-lena' }), 'lena'), 403)
})

test('refused: an approval that one enforcement point asked for, spent by another', async (t) => {
  const question = { subject: who('ana', { client_id: 'web' }), ...call('export_customers', { branch: 'Hill' }) }
  t.is(await approve(await ask(evaluation, question), 'lena'), 200)
  t.like((await ask(evaluation, question, { sub: 'other-gateway' })).json, { decision: false, context: { code: 'approval.pending' } })
  t.like((await ask(evaluation, question)).json, { decision: true }, 'it is still its own')
})

test('not told: by which rules somebody else would have been allowed, to who may not ask', async (t) => {
  const answer = await ask(evaluation, { subject: who('ana'), ...call('run_report') }, { sub: 'mara', groups: [] })
  t.is(answer.status, 403)
  t.regex(answer.headers.get('countersign-decision') ?? '', /^identity\.on_behalf; id=[0-9a-f]{32}$/)
})

test('on record: evaluations that could not be read', async (t) => {
  const answer = await ask(evaluations, { evaluations: [{}, 5] })
  const said = answer.json['evaluations'] as unknown as Json[]
  t.deepEqual(said.map((one) => one['context']?.['error'] as unknown), [{ status: 400, message: 'subject: expected an object' }, { status: 400, message: 'expected an object' }])
  for (const one of said) t.like(await gateway.frame(one['context']?.['frame'] as unknown as string), { kind: 'refusal' })
})

test('refused: a default of a megabyte, decided and recorded for each of many evaluations', async (t) => {
  const question = { subject: who('ana'), ...call('run_report', { report: 'daily', pad: 'ab 12 '.repeat(100_000) }), evaluations: Array.from({ length: 256 }, () => ({})) }
  const answer = await ask(evaluations, question, { sub: 'mara', groups: [] })
  t.is(answer.status, 413)
  t.like(answer.json, { code: 'request.too_large', detail: 'evaluations: the defaults are too long for so many' })
})

const unreadable: readonly (readonly [string, () => object, string])[] = [
  ['a request that is a list, on which every rule about an argument is silent', () => ({ ...call('run_report'), context: { request: [{ arguments: { path: '/etc/passwd' } }] } }), 'context.request: expected an object'],
  ['somebody\'s address for a label, which is recorded as it is', () => ({ ...call('run_report'), resource: { type: 'tool', id: 'bank/run_report', properties: { labels: ['john.doe@bank.example'] } } }), 'A word of the action or the resource is somebody\'s data'],
  ['somebody\'s address for an action', () => ({ ...call('run_report'), action: { name: 'john.doe@bank.example' } }), 'A word of the action or the resource is somebody\'s data'],
  ['a target of production, said to be elsewhere, where a rule is only tried out', () => ({ ...call('run_report'), resource: { type: 'tool', id: 'bank/run_report', properties: { target: 'bank', env: 'test' } } }), 'resource.properties.env: the target is in another environment'],
  ['a name of two lines', () => ({ ...call('run_report'), subject: { type: 'user', id: 'ana\nroot' } }), 'subject.id: expected a string'],
]
for (const [name, question, detail] of unreadable) {
  test(`refused: ${name}`, async (t) => {
    const answer = await ask(evaluation, { subject: who('ana'), ...question() })
    t.is(answer.status, 400, answer.text)
    t.like(answer.json, { code: 'request.params', detail })
  })
}

test('on record: the labels and the environment of a target that config has, whatever is said', async (t) => {
  const answer = await ask(evaluation, { subject: who('ana'), ...call('run_report'), resource: { type: 'tool', id: 'bank/run_report', properties: { target: 'bank' } } })
  const receipt = answer.json['context']?.['frame'] as unknown as string
  await gateway.frame(receipt)
  t.like((JSON.parse(readInput(gateway.home.directories, receipt)) as Json)['resource'], { properties: { target: 'bank', env: 'prod', labels: ['pii'] } })
})

for (const type of ['constructor', '__proto__', 'toString']) {
  test(`decided on what is recorded: a resource of the type ${type}`, async (t) => {
    const answer = await ask(evaluation, { subject: who('ana'), ...call('run_report'), resource: { type, id: 'bank/run_report' } })
    t.like(answer.json, { decision: false, context: { code: 'policy.denied' } }, answer.text)
  })
}
