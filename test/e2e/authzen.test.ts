// Other enforcement points ask the policy in force: AuthZEN 1.0 and OPA's data API, through the production command. Every answer is on record.
import test from 'ava'
import { metadataPath } from '../../gateway/protocols/authzen/index.ts'
import { bankConfig, bankOf, deskUrl, publicUrl } from './gateway-kit.ts'
import { readInput } from './recorded.ts'
import { startProcess } from './running.ts'
import type { Answer, Json, Running } from './running.ts'

const bank = bankOf(test, (about) => {
  const config = bankConfig(about) as { identity: { audiences: string[] }[]; targets: object[] }
  config.identity[0]?.audiences.push(`${publicUrl}/pdp`)
  return { ...config, targets: [...config.targets, { name: 'pdp', protocol: 'authzen', prefix: '/pdp', env: 'prod', authzen: { enforcement_points: ['enforcement-points'], claims: ['branch'] }, catalogue: { 'bank/run_report': { effects: ['read'] } } }] }
})
let gateway: Running
test.serial.before(async () => { gateway = await startProcess(await bank().home()) })

const point = () => bank().token({ sub: 'api-gateway', groups: ['enforcement-points'], audience: 'pdp' })
async function ask(path: string, body: object | string, headers: Record<string, string> = {}, token?: string): Promise<Answer> {
  return await gateway.send(`/pdp${path}`, { method: 'POST', token: token ?? await point(), headers: { 'content-type': 'application/json', ...headers }, body: typeof body === 'string' ? body : JSON.stringify(body) })
}

const ana = (groups: readonly string[] = ['analysts']) => ({ type: 'user', id: `${bank().issuer}|ana`, properties: { groups } })
const call = (tool: string, effects: readonly string[] = ['read'], args: object = { report: 'daily' }) => ({
  action: { name: 'tools/call', properties: { effects } },
  resource: { type: 'tool', id: `bank/${tool}`, properties: { target: 'bank', env: 'prod' } },
  context: { request: { method: 'tools/call', tool, arguments: args } },
})
const evaluation = '/access/v1/evaluation'
const rulesOf = (answer: Json): unknown[] => (answer['context']?.['reasons'] as unknown as { id: string }[] ?? []).map(({ id }) => id)

test('a permit names its decision, its frame and what the enforcement point must mask', async (t) => {
  const answer = await ask(evaluation, { subject: ana(), ...call('run_report') }, { 'x-request-id': 'req-7' })
  t.is(answer.status, 200, answer.text)
  t.is(answer.headers.get('x-request-id'), 'req-7')
  t.is(answer.json['decision'] as unknown, true, answer.text)
  const context = answer.json['context'] as Json
  const obligations = context['obligations'] as unknown as { id: string; type: string; properties: { kind: string; op?: string } }[]
  t.true(obligations.every(({ type }) => type === 'custom'))
  t.like(obligations.find(({ id }) => id === 'mask:mcp.ssn')?.properties, { kind: 'mask', op: 'redact' })
  t.like(obligations.find(({ id }) => id === 'limits')?.properties, { kind: 'limits', timeout_ms: 30_000 })
  const frame = await gateway.frame(context['frame'] as unknown as string)
  t.is(frame.kind, 'intent')
  t.like((JSON.parse(readInput(gateway.home.directories, context['frame'] as unknown as string)) as Json)['subject'], { id: `${bank().issuer}|ana`, actor: { type: 'service', id: `${bank().issuer}|api-gateway` } })
})

test('a deny is an answer, says by which rule, and is on record', async (t) => {
  const answer = await ask(evaluation, { subject: ana(['contractors']), ...call('delete_customer', ['delete']) })
  t.is(answer.status, 200, answer.text)
  t.like(answer.json, { decision: false, context: { code: 'policy.denied' } })
  t.true(rulesOf(answer.json).length > 0)
  t.is((await gateway.frame(answer.json['context']?.['frame'] as unknown as string)).kind, 'refusal')
})

test('an off-boarded subject is denied whatever its groups say', async (t) => {
  const answer = await ask(evaluation, { subject: { ...ana(), id: `${bank().issuer}|gone` }, ...call('run_report') })
  t.like(answer.json, { decision: false, context: { code: 'identity.off_boarded', message: 'The caller has been off-boarded' } })
})

test('a yes that needs a human says where to ask; asked again after the approval it is a yes, once', async (t) => {
  const question = { subject: ana(), ...call('export_customers', ['read', 'export'], { branch: 'Harbour' }) }
  const held = await ask(evaluation, question)
  t.like(held.json, { decision: false, context: { code: 'approval.pending', access_request: { next_action: 'retry' } } })
  const { id, form_url: form } = held.json['context']?.['access_request'] as unknown as { id: string; form_url: string }
  t.is(form, `${deskUrl}/approvals/${id}`)
  const desk = async (sub: string, groups: readonly string[]) => await fetch(`${gateway.home.admin}/api/approvals/${id}/approve`, { method: 'POST', headers: { authorization: `Bearer ${await bank().token({ sub, groups, audience: deskUrl })}`, 'content-type': 'application/json' }, body: '{"comment":"CHG-7"}' })
  t.is((await desk('ana', ['leads'])).status, 403, 'whoever it is for cannot approve it')
  t.is((await desk('api-gateway', ['leads'])).status, 403, 'nor can whoever asked')
  t.is((await desk('lena', ['leads'])).status, 200)
  t.like((await ask(evaluation, { ...question, context: { request: { ...question.context.request, arguments: { branch: 'Hill' } } } })).json, { decision: false }, 'another argument is another operation')
  t.like((await ask(evaluation, question)).json, { decision: true })
  t.like((await ask(evaluation, question)).json, { decision: false, context: { code: 'approval.pending' } })
})

test('several evaluations share defaults, are answered in order, and one that cannot be read is a deny of its own', async (t) => {
  const answer = await ask('/access/v1/evaluations', { subject: ana(), ...call('run_report'), evaluations: [{}, { resource: { type: 5 } }, call('delete_customer', ['delete']), { subject: ana(['contractors']), ...call('delete_customer', ['delete']) }] })
  const said = answer.json['evaluations'] as unknown as Json[]
  t.deepEqual(said.map(({ decision }) => decision as unknown), [true, false, false, false])
  t.like(said[1], { context: { error: { status: 400, message: 'resource.type: expected a word' } } })
  t.like(said[2], { context: { code: 'approval.pending' } })
})

test('an evaluation takes type, id and name from the defaults where it has none of its own, and no property', async (t) => {
  const answer = await ask('/access/v1/evaluations', { subject: ana(), ...call('run_report'), evaluations: [{ resource: { id: 'bank/lookup_customer' } }, { subject: { properties: {} }, action: {} }] })
  const said = answer.json['evaluations'] as unknown as Json[]
  const input = async (at: number) => {
    const receipt = said[at]?.['context']?.['frame'] as unknown as string
    await gateway.frame(receipt)
    return JSON.parse(readInput(gateway.home.directories, receipt)) as Json
  }
  t.like((await input(0))['resource'], { type: 'tool', id: 'bank/lookup_customer', properties: { target: 'pdp' } }, 'the default\'s target is not mixed in')
  t.like(await input(1), { subject: { id: `${bank().issuer}|ana`, properties: { groups: [] } }, action: { name: 'tools/call', properties: { effects: ['read'] } } })
})

test('what a request says besides is shown to policy, and recorded', async (t) => {
  const answer = await ask(evaluation, { subject: ana(), ...call('run_report'), context: { request: { tool: 'run_report', arguments: { report: 'daily' }, shard: 'eu' } } }, { 'x-request-id': 'a b' })
  t.is(answer.headers.get('x-request-id'), 'a b')
  const receipt = answer.json['context']?.['frame'] as unknown as string
  await gateway.frame(receipt)
  t.like((JSON.parse(readInput(gateway.home.directories, receipt)) as Json)['request'], { properties: { context: { request: { shard: 'eu' } } } })
})

test('a change ticket of the context is the enforcement point\'s word, and half a one is refused', async (t) => {
  const asked = async (ticket: unknown) => await ask(evaluation, { subject: ana(), ...call('run_report'), context: { ticket, request: { tool: 'run_report', arguments: { report: 'daily' } } } })
  const answer = await asked('CHG0031042')
  const receipt = answer.json['context']?.['frame'] as unknown as string
  await gateway.frame(receipt)
  const input = JSON.parse(readInput(gateway.home.directories, receipt)) as Json
  t.like(input['context'], { ticket: 'CHG0031042', ticket_by: 'caller' })
  t.like(input['request'], { properties: { context: {} } })
  for (const wrong of ['CHG 1', ['CHG-1'], 7]) t.like((await asked(wrong)).json, { code: 'request.params', detail: 'context.ticket: expected at most 64 letters, digits and . _ : / # -, a letter or digit first and last' })
})

test('an evaluation that ends a batch is the last one answered', async (t) => {
  const no = { subject: ana(['contractors']), ...call('delete_customer', ['delete']) }
  const yes = { subject: ana(), ...call('run_report') }
  const decisions = async (semantic: string) => ((await ask('/access/v1/evaluations', { evaluations: [yes, no, yes], options: { evaluations_semantic: semantic } })).json['evaluations'] as unknown as Json[]).map(({ decision }) => decision as unknown)
  t.deepEqual(await decisions('deny_on_first_deny'), [true, false])
  t.deepEqual(await decisions('permit_on_first_permit'), [true])
  t.deepEqual(await decisions('execute_all'), [true, false, true])
  t.like((await ask('/access/v1/evaluations', yes)).json, { decision: true }, 'without evaluations it is a single one')
})

test('OPA\'s data API gives the decision as Rego made it and asks no human', async (t) => {
  const answer = await ask('/v1/data/countersign/request/decision', { input: { subject: ana(), ...call('export_customers', ['read', 'export'], { branch: 'Bay' }) } })
  t.is(answer.status, 200, answer.text)
  t.like(answer.json['result'], { effect: 'require', approval: { template: 'lead', quorum: 1 } })
  t.regex(answer.json['decision_id'] as unknown as string, /^[0-9a-f]{32}$/)
  const permitted = await ask('/v1/data/countersign/request/decision', { input: { subject: ana(), ...call('run_report') } })
  t.like(permitted.json['result'], { effect: 'allow' })
  const lead = await fetch(`${gateway.home.admin}/api/approvals?state=pending`, { headers: { authorization: `Bearer ${await bank().token({ sub: 'lena', groups: ['leads'], audience: deskUrl })}` } })
  t.false((await lead.text()).includes('Bay'), 'nothing waits for a human')
})

test('a sensitive value that an enforcement point sends reaches neither policy nor record', async (t) => {
  const ssn = '536-22-8841'
  const answer = await ask(evaluation, { subject: ana(), ...call('run_report', ['read'], { report: 'daily', note: `for ${ssn}`, [`k ${ssn}`]: 1 }), resource: { type: 'tool', id: 'bank/run_report', properties: { target: 'bank', owner: ssn } } })
  t.is(answer.status, 200, answer.text)
  const receipt = answer.json['context']?.['frame'] as unknown as string
  await gateway.frame(receipt)
  const input = readInput(gateway.home.directories, receipt)
  t.false(input.includes(ssn))
  t.true(input.includes('⟦US_SSN:'))
})

test('who is no enforcement point may not ask for others, and the refusal is on record', async (t) => {
  const token = await bank().token({ sub: 'mara', groups: ['leads'], audience: 'pdp' })
  const answer = await ask(evaluation, { subject: ana(), ...call('run_report') }, {}, token)
  t.is(answer.status, 403)
  t.like(answer.json, { code: 'identity.on_behalf', title: 'The caller may not ask for others' })
  t.is((await gateway.frame(answer.receipt)).kind, 'refusal')
})

const unreadable: readonly { readonly title: string; readonly path?: string; readonly body: object | string; readonly headers?: Record<string, string>; readonly status: number; readonly code: string; readonly detail: string }[] = [
  { title: 'no subject', body: { ...call('run_report') }, status: 400, code: 'request.params', detail: 'subject: expected an object' },
  { title: 'a subject of a kind that policy does not know', body: { subject: { type: 'robot', id: 'r2' }, ...call('run_report') }, status: 400, code: 'request.params', detail: 'subject.type: expected one of user, service, agent' },
  { title: 'an action that is a number of somebody\'s', body: { subject: { type: 'user', id: 'a' }, ...call('run_report'), action: { name: '536-22-8841' } }, status: 400, code: 'request.params', detail: 'action.name: expected a word' },
  { title: 'groups that are no list', body: { ...call('run_report'), subject: { type: 'user', id: 'a', properties: { groups: 'analysts' } } }, status: 400, code: 'request.params', detail: 'subject.properties.groups: expected at most 1000 strings' },
  { title: 'a label that is a number of somebody\'s', body: { subject: { type: 'user', id: 'a' }, ...call('run_report'), resource: { type: 'tool', id: 'x', properties: { labels: ['536-22-8841'] } } }, status: 400, code: 'request.params', detail: 'resource.properties.labels: expected at most 1000 words' },
  { title: 'JSON that two readers read differently', body: '{"subject":1,"subject":2}', status: 400, code: 'request.malformed', detail: 'an object has the same member twice (byte 13)' },
  { title: 'another semantics', path: '/access/v1/evaluations', body: { evaluations: [{}], options: { evaluations_semantic: 'best_effort' } }, status: 400, code: 'request.params', detail: 'options.evaluations_semantic: expected one of execute_all, deny_on_first_deny, permit_on_first_permit' },
  { title: 'more evaluations than are taken', path: '/access/v1/evaluations', body: { evaluations: Array.from({ length: 257 }, () => ({})) }, status: 413, code: 'request.too_large', detail: 'evaluations: more than 256' },
  { title: 'another media type', body: {}, headers: { 'content-type': 'text/plain' }, status: 400, code: 'request.invalid', detail: 'The question must be application/json' },
  { title: 'another document of the policy', path: '/v1/data/countersign/list/visible', body: { input: {} }, status: 404, code: 'request.unknown_method', detail: 'Nothing is answered at this path' },
]
for (const { title, path = evaluation, body, headers, status, code, detail } of unreadable) {
  test(`a question with ${title} is refused by name`, async (t) => {
    const answer = await ask(path, body, headers)
    t.is(answer.status, status)
    t.like(answer.json, { code, detail })
    t.is((await gateway.frame(answer.receipt)).kind, 'refusal')
  })
}

test('what is not answered says so: a search, which the metadata does not name, another method; the request id comes back with it', async (t) => {
  for (const path of ['subject', 'resource', 'action'].map((kind) => `/access/v1/search/${kind}`)) {
    const answer = await ask(path, { subject: ana(), ...call('run_report') }, { 'x-request-id': 'req-9' })
    t.is(answer.status, 404)
    t.like(answer.json, { code: 'request.unknown_method', detail: 'Nothing is answered at this path' })
    t.is(answer.headers.get('x-request-id'), 'req-9')
  }
  const answer = await gateway.send(`/pdp${evaluation}`, { token: await point() })
  t.deepEqual([answer.status, answer.headers.get('allow')], [405, 'POST'])
})

test('metadata is read, not posted to, and stands between the host and all of the path', async (t) => {
  const posted = await gateway.send('/.well-known/authzen-configuration/pdp', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })
  t.deepEqual([posted.status, posted.headers.get('allow')], [405, 'GET, HEAD'])
  t.like((await gateway.send('/.well-known/oauth-protected-resource/pdp')).json, { resource: `${publicUrl}/pdp`, bearer_methods_supported: ['header'] } as object)
  t.is(metadataPath('https://gateway.bank.example', '/pdp'), '/.well-known/authzen-configuration/pdp')
  t.is(metadataPath('https://bank.example/gateway', '/pdp'), '/.well-known/authzen-configuration/gateway/pdp')
})

test('the decision point says where it is and what it answers', async (t) => {
  const answer = await gateway.send('/.well-known/authzen-configuration/pdp')
  t.deepEqual(JSON.parse(answer.text), {
    policy_decision_point: `${publicUrl}/pdp`, access_evaluation_endpoint: `${publicUrl}/pdp/access/v1/evaluation`,
    access_evaluations_endpoint: `${publicUrl}/pdp/access/v1/evaluations`, supported_obligations: ['custom'],
  })
})
