// Step 6 of the tour: the bank's database over the PostgreSQL protocol, through the gateway, with a stock client
// (`pg`, as an application would) that is given a host, a port, a name and a token for a password.
import pg from 'pg'
import type { Receipt } from './cast.ts'
import { adminUrl } from './configuration.ts'
import type { Home } from './home.ts'
import { recordedCalls } from './recorded.ts'
import type { Say } from './say.ts'

export interface DatabaseStep {
  readonly home: Home
  readonly say: Say
  /** Access tokens for the database, by person. */
  readonly tokens: { readonly ana: string; readonly eli: string }
  readonly leaks: (text: string) => readonly string[]
  approve(id: string): Promise<{ readonly code: number; readonly output: string }>
  isTable(name: string): Promise<boolean>
}

const withdrawnCustomer = 1240
/** How long the tour waits for the notice of a held statement. */
const noticeTimeoutMs = 15_000

export async function databaseSession(step: DatabaseStep): Promise<void> {
  const { home, say, tokens } = step
  say.title('6. The same database over the PostgreSQL protocol, with a stock client: masked by where a value comes from, refused without losing the session')
  const startedMs = Date.now()
  const ana = await connect(home, 'ana', tokens.ana)
  try {
    await masked(step, ana)
    await refused(step, ana)
  } finally {
    await ana.end()
  }
  const eli = await connect(home, 'eli', tokens.eli)
  try {
    await held(step, eli)
  } finally {
    await eli.end()
  }
  await onRecord(step, startedMs)
}

async function masked({ say, leaks }: DatabaseStep, client: pg.Client): Promise<void> {
  const forms = ['ssn', 'ssn AS x', 'ssn || \'\'', '(SELECT max(ssn) FROM customers)']
  for (const form of forms) {
    const text = `SELECT id, ${form} FROM customers WHERE id = 1001`
    const { rows } = await client.query(text)
    const shown = JSON.stringify(rows)
    say.call('ana', text, shown, noReceipt)
    say.expect(`${form} comes back masked`, rows.length === 1 && shown.includes('REDACTED') && leaks(shown).length === 0, shown)
  }
}

async function refused({ say, isTable }: DatabaseStep, client: pg.Client): Promise<void> {
  const error = await client.query('DROP TABLE customers').then(() => undefined, (fault: unknown) => fault)
  const words = error instanceof pg.DatabaseError ? error : undefined
  say.call('ana', 'DROP TABLE customers', words === undefined ? String(error) : `ERROR ${words.code}: ${words.message}\nDETAIL: ${words.detail ?? ''}`, receiptIn(words?.hint))
  say.expect('DROP TABLE is refused with SQLSTATE 42501 and the rule\'s id', words?.code === '42501' && words.detail?.startsWith('pg.ddl: ') === true, String(error))
  say.expect('the table is still there', await isTable('customers'))
  const { rows } = await client.query('SELECT count(*)::int AS customers FROM customers')
  say.call('ana', 'SELECT count(*)::int AS customers FROM customers', JSON.stringify(rows), noReceipt)
  say.expect('the session lives on: the next statement is answered on the same connection', rows[0]?.customers > 0, JSON.stringify(rows))
}

/** The statement waits in the session; the notice says where a human decides. The lead's yes lets exactly this one through. */
async function held({ home, say, approve }: DatabaseStep, client: pg.Client): Promise<void> {
  const text = `DELETE FROM customers WHERE id = ${withdrawnCustomer}`
  const notice = Promise.withResolvers<string>()
  client.on('notice', ({ message }) => notice.resolve(message ?? ''))
  const timer = setTimeout(() => notice.resolve(''), noticeTimeoutMs)
  const answer = client.query(text).then(({ command, rowCount }) => ({ isDone: true, said: `${command} ${rowCount ?? 0}` }), (error: Error) => ({ isDone: false, said: error.message }))
  // A refusal instead of a notice ends the wait, too.
  const said = await Promise.race([notice.promise, answer.then((early) => early.said)])
  clearTimeout(timer)
  const id = /approval ([0-9a-f]{32}) at /.exec(said)?.[1] ?? ''
  say.call('eli', text, said, noReceipt)
  say.expect('a DELETE on a protected table is held, and the client is told where it is decided', id !== '' && said.includes(`${adminUrl(home.secrets.ports)}/approvals/${id}`), said)
  const approved = await approve(id)
  say.call('lena', `approvals approve ${id.slice(0, 8)}…`, approved.output.trim(), noReceipt)
  const { isDone, said: end } = await answer
  say.call('eli', 'the same statement, which was waiting', end, noReceipt)
  say.expect('approved by a lead, it goes through in the same session', approved.code === 0 && isDone, end)
}

/** Answers of this protocol carry no receipt: the record has decision, rule and frame of each statement, and its shape without the values. */
async function onRecord({ home, say, leaks }: DatabaseStep, sinceMs: number): Promise<void> {
  const calls = await recordedCalls(home, 'appdb', sinceMs, 2)
  for (const { subject, statement, effect, rules, decision, frame } of calls) say.call(`recorded: ${subject}`, statement, `${effect} [${rules.join(' ')}]`, { decision, frame })
  say.expect('the record has each statement with its decision and rule, and no value of a sensitive column', calls.length === 7 && leaks(JSON.stringify(calls)).length === 0, JSON.stringify(calls))
}

async function connect(home: Home, user: string, password: string): Promise<pg.Client> {
  const client = new pg.Client({ host: '127.0.0.1', port: home.secrets.ports.postgres, user, password, database: 'postgres' })
  await client.connect()
  return client
}

const noReceipt: Receipt = { decision: '', frame: '' }

/** A refusal's HINT names decision and frame. */
function receiptIn(hint = ''): Receipt {
  return { decision: /Decision ([0-9a-f]+)/.exec(hint)?.[1] ?? '', frame: /frame ([0-9a-f]+\/\d+)/.exec(hint)?.[1] ?? '' }
}
