// A small bank: generated, seeded customers, cards and accounts, so that every run of the demo shows the same people.
// Names are common ones; SSNs are from area 9xx-free ranges that pass the format checks; card numbers pass Luhn. None belongs to anybody.
import pg from 'pg'

export const customerCount = 240
const firstNames = ['Maria', 'James', 'Aisha', 'Robert', 'Linh', 'Patricia', 'Omar', 'Susan', 'Diego', 'Karen', 'Wei', 'Thomas', 'Elena', 'Daniel', 'Priya', 'Mark', 'Grace', 'Ivan', 'Sofia', 'Kevin']
const lastNames = ['Alvarez', 'Bennett', 'Chowdhury', 'Davis', 'Eriksen', 'Fischer', 'Garcia', 'Hughes', 'Ito', 'Johnson', 'Kowalski', 'Lopez', 'Moore', 'Nguyen', 'Okafor', 'Patel', 'Quinn', 'Rossi', 'Santos', 'Turner']
const branches = ['Dayton', 'Toledo', 'Akron', 'Canton', 'Lima', 'Mansfield']

/** A generator with a fixed seed (mulberry32): the same bank on every machine. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

interface Customer { readonly id: number; readonly name: string; readonly ssn: string; readonly email: string; readonly phone: string; readonly born: string; readonly branch: string; readonly account: string; readonly card: string; readonly balance: number }

export function generateCustomers(count: number = customerCount): Customer[] {
  const random = seeded(20_261_121)
  const below = (limit: number) => Math.floor(random() * limit)
  const digits = (length: number) => Array.from({ length }, () => below(10)).join('')
  return Array.from({ length: count }, (_, index) => {
    const first = firstNames[below(firstNames.length)] ?? 'Maria'
    const last = lastNames[below(lastNames.length)] ?? 'Lopez'
    const area = String(100 + below(550)).padStart(3, '0')
    return {
      id: 1001 + index,
      name: `${first} ${last}`,
      ssn: `${area === '666' ? '665' : area}-${String(10 + below(89)).padStart(2, '0')}-${String(1000 + below(8999))}`,
      email: `${first}.${last}${index}@example.net`.toLowerCase(),
      phone: `+1 ${419 + below(2)} 555 ${String(100 + below(99)).padStart(4, '0')}`,
      born: `${1940 + below(64)}-${String(1 + below(12)).padStart(2, '0')}-${String(1 + below(28)).padStart(2, '0')}`,
      branch: branches[below(branches.length)] ?? 'Dayton',
      account: `40${digits(10)}`,
      card: withLuhn(`4${digits(14)}`),
      balance: below(9_000_000) / 100,
    }
  })
}

function withLuhn(payload: string): string {
  const sum = [...payload].reverse().reduce((total, digit, index) => {
    const value = Number(digit) * (index % 2 === 0 ? 2 : 1)
    return total + (value > 9 ? value - 9 : value)
  }, 0)
  return `${payload}${(10 - (sum % 10)) % 10}`
}

/** Whom the gateway is in the database: no owner of anything, no superuser, no right to create. */
export const gatewayRole = 'countersign'

/** Creates tables and rows unless they are there already (a second start keeps what the first one changed). */
export async function createBank(url: string, gatewayPassword: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const existing = await client.query("select to_regclass('public.customers') as name")
    if (existing.rows[0].name !== null) return
    await client.query(`
      create table customers (id int primary key, name text not null, ssn text not null, email text not null, phone text not null, born date not null, branch text not null);
      create table accounts (number text primary key, customer_id int not null references customers on delete cascade, card text not null, balance numeric(12,2) not null);
      create table models (name text primary key, version text not null, deployed_by text not null, deployed_at timestamptz not null default now())`)
    const customers = generateCustomers()
    await client.query('insert into customers select * from jsonb_to_recordset($1) as r(id int, name text, ssn text, email text, phone text, born date, branch text)', [JSON.stringify(customers)])
    await client.query('insert into accounts select account, id, card, balance from jsonb_to_recordset($1) as r(account text, id int, card text, balance numeric)', [JSON.stringify(customers)])
    // Temporary functions are functions, too; PUBLIC may make them until it is told otherwise.
    await client.query(`
      revoke temporary on database postgres from public;
      create role ${gatewayRole} login password ${pg.escapeLiteral(gatewayPassword)};
      grant select, insert, update, delete on customers, accounts, models to ${gatewayRole}`)
  } finally {
    await client.end()
  }
}
