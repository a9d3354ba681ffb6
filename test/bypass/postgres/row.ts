// An attack on the PostgreSQL gateway as data: what is set up behind its back, what the client sends, and what must not come of it.

/** What sensitive columns of `public.customers` hold for one row: values that no detector of a class of data would know. */
export interface Canary {
  readonly ssn: string
  readonly email: string
  readonly pin: bigint
  readonly born: string
}

/** A message of the extended protocol: P name sql · B portal statement parameters formats · D kind name · E portal rows · C kind name · S · H · Q sql · d data · c. */
export type Message =
  | readonly ['P', string, string] | readonly ['B', string, string, readonly (string | null)[], readonly number[]] | readonly ['D' | 'C', 'S' | 'P', string] | readonly ['E', string, number]
  | readonly ['S'] | readonly ['H'] | readonly ['Q', string] | readonly ['d', string] | readonly ['c']

export type Step =
  /** A simple Query. */
  | string
  | { readonly sql: string; readonly parameters?: readonly (string | null)[]; readonly isBinary?: boolean; readonly maxRows?: number; readonly describe?: 'portal' | 'statement' | 'nothing' }
  /** Sent in one write. */
  | { readonly pipeline: readonly Message[] }
  /** COPY … FROM STDIN. */
  | { readonly copy: string; readonly data: readonly string[] }
  /** FunctionCall; the function is named as `regprocedure` reads it. */
  | { readonly call: string; readonly parameters?: readonly (string | null)[]; readonly isBinary?: boolean }
  /** Done by somebody else at the server itself, in one session that stays: a superuser, or the role of the attack. */
  | { readonly elsewhere: string; readonly as?: 'app' }
  /** Two texts that tell something about a value when their answers differ. */
  | { readonly oracle: readonly [string, string] }
  /** Takes what came by itself. */
  | { readonly waitMs: number }
  /** A new connection; with its start-up parameters. */
  | { readonly reconnect: Readonly<Record<string, string>> }

export interface Row {
  /** A sentence: what the attacker does. */
  readonly name: string
  readonly kind: 'leak' | 'destroy'
  /** By a superuser at the server itself, before the client connects. */
  readonly setup: readonly string[]
  readonly attack: (canary: Canary) => readonly Step[]
  /** Further forms that would give a value away. */
  readonly also: (canary: Canary) => readonly string[]
  /** Of `destroy`: true while nothing is lost. Asked by a superuser afterwards. */
  readonly intact: string
  /** Why it succeeds all the same: a declared limit, told in README.md. It is played and counted, and fails the suite when it no longer gives anything away. */
  readonly limit?: string
  /** The same, for somebody who may change the schema: who may rename a column may give its name to another. */
  readonly grantedLimit?: string
}

type Attack = readonly Step[] | ((canary: Canary) => readonly Step[])
interface Around { readonly setup?: readonly string[]; readonly also?: (canary: Canary) => readonly string[]; readonly limit?: string; readonly grantedLimit?: string }

const asFunction = (attack: Attack) => typeof attack === 'function' ? attack : () => attack

export const leak = (name: string, attack: Attack, { setup = [], also = () => [], limit, grantedLimit }: Around = {}): Row => ({ name, kind: 'leak', setup, attack: asFunction(attack), also, intact: 'select true', ...limit === undefined ? {} : { limit }, ...grantedLimit === undefined ? {} : { grantedLimit } })

/** The row of customer 1 stays as it is. */
const untouched = "select count(*) = 1 from public.customers where id = 1 and name = 'Ada Vance' and ssn = '{ssn}'"

export const destroy = (name: string, attack: Attack, { setup = [], intact = untouched }: { readonly setup?: readonly string[]; readonly intact?: string } = {}): Row =>
  ({ name, kind: 'destroy', setup, attack: asFunction(attack), also: () => [], intact })

/** One for each row, so that what one row got out is never taken for another's. */
export function canaryOf(index: number): Canary {
  const letters = 'ABCDEFGHJKLMNPQRSTVWXYZ'
  const digit = (place: number) => (index * 7 + place * 13 + Math.floor(index / 7) * 5) % 23
  const word = (length: number, from: number) => Array.from({ length }, (_, place) => letters[digit(place + from)] ?? 'A').join('')
  const number = String(10_000 + index)
  return { ssn: `${word(5, 1)}q${number}z${word(4, 9)}`, email: `${word(6, 3)}k${number}v${word(3, 5)}`, pin: BigInt(`7391${number}82465`), born: `${String(300 + index).padStart(4, '0')}-03-19` }
}

/** The database of every row: the tables belong to `app`, the role that the attack runs as. */
export const database = (canary: Canary): string[] => [
  'create table public.customers (id int primary key, name text not null, ssn text not null unique, email text, pin bigint, born date, profile jsonb, tags text[], balance numeric not null default 0)',
  `insert into public.customers values
    (1, 'Ada Vance', '${canary.ssn}', '${canary.email}', ${canary.pin}, '${canary.born}', '{"plan":"gold"}', '{vip}', 10),
    (2, 'Bo Lindqvist', 'other-2', 'other-mail-2', 12, '1980-01-02', '{"plan":"basic"}', '{}', 20)`,
  'create table public.orders (id int primary key, customer_id int not null references public.customers, item text not null, secret_note text)',
  "insert into public.orders values (1, 1, 'lamp', null), (2, 2, 'desk', null)",
  'create table public.scratch (id serial primary key, note text, other text)',
  'alter table public.customers owner to app', 'alter table public.orders owner to app', 'alter table public.scratch owner to app', 'alter schema public owner to app',
]
