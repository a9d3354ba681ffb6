// The tour: real clients make real calls through the gateway, in the order a newcomer would ask about them.
import path from 'node:path'
import { adminUrl, issuerUrl, publicUrl } from './configuration.ts'
import { callHttp, connectAgent, countersign } from './cast.ts'
import type { Agent, ToolAnswer } from './cast.ts'
import { generateCustomers } from './bank.ts'
import { databaseSession } from './database-session.ts'
import { examine, sealed } from './examination.ts'
import type { Home } from './home.ts'
import { reviewPolicy } from './policy-review.ts'
import type { IdentityProvider } from './provider.ts'
import type { Say } from './say.ts'
import { ciToken, contractorToken, personToken } from './sign-in.ts'
import { StartError } from './start-error.ts'

export interface Tour {
  readonly home: Home
  readonly say: Say
  readonly provider: IdentityProvider
  /** The contractor's token, issued while the contract still ran. */
  readonly contractorToken: string
  isTable(name: string): Promise<boolean>
}

export async function runTour(tour: Tour): Promise<void> {
  const { home, say } = tour
  const bank = `${publicUrl(home.secrets.ports)}/bank`
  const token = (name: string, resource: string) => personToken(issuerUrl(home.secrets.ports), name, home.secrets.passwords[name] ?? '', resource)
  const admin = adminUrl(home.secrets.ports)
  const [ana, anaAdmin, lenaAdmin, eliAdmin] = await Promise.all([token('ana', bank), token('ana', admin), token('lena', admin), token('eli', admin)])
  const agent = await connectAgent(bank, ana)
  const decide = (verb: 'approve' | 'reject', id: string, bearer: string, comment: string) =>
    countersign(['approvals', verb, id, '--admin', admin, '--comment', comment], { COUNTERSIGN_TOKEN: bearer })

  await report(tour, agent)
  await blocked(tour, agent)
  await bulkExport(tour, agent, { ana: anaAdmin, lena: lenaAdmin }, decide)
  await departed(tour, bank)
  await deployment(tour, bank, { eli: eliAdmin, lena: lenaAdmin }, decide)
  await ledger(tour, await token('ana', `${publicUrl(home.secrets.ports)}/ledger`))
  await agent.close()
  const database = `${publicUrl(home.secrets.ports)}/appdb`
  await databaseSession({
    home, say, leaks, tokens: { ana: await token('ana', database), eli: await token('eli', database) },
    approve: (id) => decide('approve', id, lenaAdmin, 'Customer asked to be removed, ticket CHG-1043'), isTable: (name) => tour.isTable(name),
  })
  await sealed(home, 2)
  await reviewPolicy(home, say)
  await examine(home, say)
}

type Decide = (verb: 'approve' | 'reject', id: string, bearer: string, comment: string) => Promise<{ code: number; output: string }>

const textOf = ({ result }: ToolAnswer): string => result.content.map((block) => block.type === 'text' ? block.text : `[${block.type}]`).join('\n')

/** Raw values of the bank that must never come out: all of them, not a sample. */
function leaks(text: string): string[] {
  return generateCustomers().flatMap(({ ssn, card, account }) => [ssn, ssn.replaceAll('-', ''), card, account]).filter((value) => text.includes(value))
}

async function report({ say }: Tour, agent: Agent): Promise<void> {
  say.title('1. An analyst\'s agent runs a report: allowed, customer identifiers masked')
  const answer = await agent.call('run_report', { report: 'largest_accounts', limit: 3 })
  say.call('ana\'s agent', 'tools/call run_report {report: largest_accounts, limit: 3}', textOf(answer), answer.receipt)
  say.expect('the report came back', answer.result.isError !== true && textOf(answer).includes('balance'), textOf(answer))
  say.expect('no SSN, card or account number of any customer is in it, in text or structured form', leaks(JSON.stringify(answer.result)).length === 0)
}

async function blocked(tour: Tour, agent: Agent): Promise<void> {
  const { say } = tour
  say.title('2. The same agent tries to drop a table: refused before the server hears of it')
  const answer = await agent.call('drop_table', { table: 'customers' }).catch((error: unknown) => failed(error))
  say.call('ana\'s agent', 'tools/call drop_table {table: customers}', textOf(answer), answer.receipt)
  say.expect('the refusal is a result that a model can act on', answer.result.isError === true, textOf(answer))
  say.expect('the table is still there', await tour.isTable('customers'))
  const tools = await agent.tools()
  say.line(`the tools this agent sees: ${tools.join(', ')}`)
}

async function bulkExport({ say, home }: Tour, agent: Agent, tokens: { ana: string; lena: string }, decide: Decide): Promise<void> {
  say.title('3. A bulk export is held for a human, goes through once, and only as approved')
  const branch = { branch: 'Toledo' }
  const held = await agent.call('export_customers', branch)
  const id = approvalIn(held)
  say.call('ana\'s agent', 'tools/call export_customers {branch: Toledo}', textOf(held), held.receipt)
  say.expect('the call is held, with an approval to ask for', held.result.isError === true && id !== '', textOf(held))
  say.line(`in a browser: ${adminUrl(home.secrets.ports)}/approvals/${id}`)
  say.line(`or:           COUNTERSIGN_TOKEN=$(npx countersign token --user lena --for admin) npx countersign approvals approve ${id} --admin ${adminUrl(home.secrets.ports)}`)
  const own = await decide('approve', id, tokens.ana, 'I need it')
  say.call('ana', `approvals approve ${id.slice(0, 8)}…`, own.output.trim(), noReceipt)
  say.expect('the requester cannot approve it herself', own.code !== 0)
  const approved = await decide('approve', id, tokens.lena, 'Month-end reconciliation, ticket CHG-1042')
  say.call('lena', `approvals approve ${id.slice(0, 8)}…`, approved.output.trim(), noReceipt)
  say.expect('a lead can', approved.code === 0, approved.output)
  const through = await agent.call('export_customers', branch)
  say.call('ana\'s agent', 'the same call again', textOf(through).slice(0, 160), through.receipt)
  say.expect('the approved call goes through', through.result.isError !== true, textOf(through))
  say.expect('its result is masked, too', leaks(JSON.stringify(through.result)).length === 0)
  const again = await agent.call('export_customers', branch)
  say.expect('a second time it is held again: an approval is used once', again.result.isError === true && approvalIn(again) !== id, textOf(again))
  const changed = await agent.call('export_customers', { branch: 'Akron' })
  say.expect('a changed argument needs an approval of its own', changed.result.isError === true && ![id, approvalIn(again)].includes(approvalIn(changed)), textOf(changed))
}

async function departed(tour: Tour, bank: string): Promise<void> {
  const { say, home } = tour
  say.title('4. A departed contractor\'s nightly job: its secret is dead, and its last token is refused, on record')
  const secret = await contractorToken(issuerUrl(home.secrets.ports), home.secrets.contractorSecret, bank).then(() => '', (error: StartError) => error.message)
  say.call('nightly-export', 'asks the identity provider with its old secret', secret, noReceipt)
  say.expect('the identity provider refuses the secret', secret.includes('401'))
  const response = await fetch(bank, { method: 'POST', headers: { authorization: `Bearer ${tour.contractorToken}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream' }, body: '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}' })
  const said = await response.text()
  say.call('nightly-export', 'calls with a token that has not expired yet', `${response.status} ${said}`, noReceipt)
  say.expect('the gateway refuses the unexpired token, as off-boarded', response.status === 403 && said.includes('identity.off_boarded'), said)
}

async function deployment({ say, home }: Tour, bank: string, tokens: { eli: string; lena: string }, decide: Decide): Promise<void> {
  say.title('5. A CI job with a workload identity deploys a model, after approval by someone other than its sponsor')
  const job = await connectAgent(bank, await ciToken(issuerUrl(home.secrets.ports), home.secrets.ci.privateKey, bank))
  const args = { model: 'credit-score', version: '2026.11.2' }
  const held = await job.call('deploy_model', args)
  const id = approvalIn(held)
  say.call('ci-model-release', 'tools/call deploy_model {model: credit-score, version: 2026.11.2}', textOf(held), held.receipt)
  say.expect('the deployment is held', held.result.isError === true && id !== '', textOf(held))
  const sponsor = await decide('approve', id, tokens.eli, 'My own pipeline')
  say.call('eli, its sponsor', `approvals approve ${id.slice(0, 8)}…`, sponsor.output.trim(), noReceipt)
  say.expect('the job\'s sponsor cannot approve it', sponsor.code !== 0)
  const approved = await decide('approve', id, tokens.lena, 'Validated by model risk')
  say.expect('a lead can', approved.code === 0, approved.output)
  const through = await job.call('deploy_model', args)
  say.call('ci-model-release', 'the same call again', textOf(through), through.receipt)
  say.expect('the approved deployment goes through', through.result.isError !== true, textOf(through))
  await job.close()
}

async function ledger({ say, home }: Tour, token: string): Promise<void> {
  say.title('   The same rules hold for a plain HTTP service behind the gateway')
  const account = await callHttp(`${publicUrl(home.secrets.ports)}/ledger/accounts/1001`, token)
  say.call('ana', 'GET /ledger/accounts/1001', `${account.status} ${JSON.stringify(account.body)}`, account.receipt)
  say.expect('the account comes back masked', account.status === 200 && leaks(JSON.stringify(account.body)).length === 0, JSON.stringify(account.body))
  const transfer = await callHttp(`${publicUrl(home.secrets.ports)}/ledger/transfers`, token, { from: 1001, to: 1002, amount: 25_000 })
  say.call('ana', 'POST /ledger/transfers {from: 1001, to: 1002, amount: 25000}', `${transfer.status} ${JSON.stringify(transfer.body)}`, transfer.receipt)
  say.expect('a large transfer does not go through without approval', transfer.status === 403, JSON.stringify(transfer.body))
}

const noReceipt = { decision: '', frame: '' } as const

function approvalIn({ result }: ToolAnswer): string {
  const meta = result._meta?.['countersign/refusal'] as { approval?: { id?: string } } | undefined
  return meta?.approval?.id ?? ''
}

function failed(error: unknown): ToolAnswer {
  return { result: { isError: true, content: [{ type: 'text', text: error instanceof Error ? error.message : String(error) }] }, receipt: noReceipt }
}

/** Where the examiner's things are, for the lines that tell what to try next. */
export const examinerFiles = (home: Home) => ({ trust: path.join(home.examiner, 'trust.json'), checkpoint: path.join(home.examiner, 'checkpoint'), keys: path.join(home.examiner, 'session-keys.jsonl') })
