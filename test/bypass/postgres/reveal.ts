// Does any form of a secret stand in these bytes? Case is ignored; encodings an attacker would choose are tried, and so are cells read one character each.
import { createHash } from 'node:crypto'
import { cells, errorFields } from '../../e2e/postgres-client.ts'
import type { Reply } from '../../e2e/postgres-client.ts'
import type { Canary } from './row.ts'

/** Every secret, by the form in which it would be seen. */
export function formsOf({ ssn, email, pin, born }: Canary, also: readonly string[] = []): ReadonlyMap<string, Buffer> {
  const forms = new Map<string, Buffer>()
  const add = (name: string, bytes: Uint8Array | string) => void forms.set(name, lower(Buffer.from(bytes as string)))
  for (const [name, value] of Object.entries({ ssn, email, pin: String(pin), born })) {
    add(name, value)
    add(`${name} reversed`, [...value].reverse().join(''))
    add(`${name} in hex`, Buffer.from(value).toString('hex'))
    add(`${name} reversed, in hex`, Buffer.from([...value].reverse().join('')).toString('hex'))
    add(`${name} with every byte apart`, [...value].join(','))
    // base64 has three alignments; the characters that depend on the neighbours are left out.
    for (const shift of [0, 1, 2]) {
      const encoded = Buffer.concat([Buffer.alloc(shift), Buffer.from(value)]).toString('base64').replace(/=+$/, '')
      add(`${name} in base64`.concat(shift === 0 ? '' : `, shifted by ${shift}`), encoded.slice(shift === 0 ? 0 : 4, Math.floor((shift + value.length) / 3) * 4))
    }
    for (const algorithm of ['md5', 'sha224', 'sha256', 'sha384', 'sha512']) {
      const hash = createHash(algorithm).update(value).digest()
      forms.set(`${algorithm} of ${name}`, hash)
      add(`${algorithm} of ${name} in hex`, hash.toString('hex'))
    }
  }
  add('letters of ssn', ssn.replaceAll(/[^A-Za-z]/g, ''))
  add('second half of ssn', ssn.slice(-9))
  add('first half of ssn', ssn.slice(0, 9))
  const binaryPin = Buffer.alloc(8)
  binaryPin.writeBigInt64BE(pin)
  forms.set('pin as int8', binaryPin)
  const negated = Buffer.alloc(8)
  negated.writeBigInt64BE(-pin)
  forms.set('pin negated, as int8', negated)
  forms.set('pin as numeric', numericDigits(pin))
  const binaryBorn = Buffer.alloc(4)
  binaryBorn.writeInt32BE(Math.round((Date.parse(`${born.padStart(10, '0')}T00:00:00Z`) - Date.UTC(2000, 0, 1)) / 86_400_000))
  forms.set('born as a day count', binaryBorn)
  const year = Number(born.slice(0, 4))
  add('born, German style', `19.03.${born.slice(0, 4)}`)
  add('born, SQL style', `03/19/${born.slice(0, 4)}`)
  add('born, in words', `March 19, ${year}`)
  for (const form of also) add(`"${form}"`, form)
  return forms
}

/** Names of the forms that are seen in what a client received. */
export function seen(forms: ReadonlyMap<string, Buffer>, received: Uint8Array, replies: readonly Reply[] = []): string[] {
  const rows = cells(replies)
  const flat = rows.flat().filter((cell): cell is Buffer => cell !== null)
  const numbers = flat.map((cell) => Number(cell.toString())).filter((number) => Number.isInteger(number) && number > 31 && number < 127)
  const haystacks = [
    Buffer.from(received), Buffer.concat(flat), Buffer.from(numbers),
    Buffer.from(replies.filter(({ tag }) => tag === 'N' || tag === 'E').map(({ body }) => errorFields(body)['M'] ?? '').join('')),
    // One column after the other: an attacker who spreads a value over rows reads it downwards.
    ...Array.from({ length: Math.max(0, ...rows.map((row) => row.length)) }, (_, column) => Buffer.concat(rows.map((row) => row[column] ?? Buffer.alloc(0)))),
    ...unfolded(Buffer.from(received)),
  ]
  const folded = haystacks.map(lower)
  return [...forms].filter(([, form]) => haystacks.some((hay) => hay.includes(form)) || folded.some((hay) => hay.includes(form))).map(([name]) => name)
}

/** Which of many secrets stand in much text: one walk over it, whatever their number. @returns `owner: form`, once each */
export function foundAmong(owners: ReadonlyMap<string, ReadonlyMap<string, Buffer>>, bytes: Uint8Array): string[] {
  const window = 8
  const text = lower(bytes).toString('latin1')
  const starts = new Map<string, { readonly what: string; readonly form: string }[]>()
  for (const [owner, forms] of owners) {
    for (const [name, form] of forms) {
      const whole = form.toString('latin1')
      if (whole.length < window) continue                         // a short form is found by chance in this much
      const start = whole.slice(0, window)
      starts.set(start, [...starts.get(start) ?? [], { what: `${owner}: ${name}`, form: whole }])
    }
  }
  const found = new Set<string>()
  for (let at = 0; at + window <= text.length; at++) {
    for (const { what, form } of starts.get(text.slice(at, at + window)) ?? []) if (text.startsWith(form, at)) found.add(what)
  }
  return [...found]
}

/** base64 is broken into lines of 76, wide characters have zeroes between. */
function unfolded(bytes: Buffer): Buffer[] {
  return [Buffer.from(bytes.filter((byte) => byte !== 10 && byte !== 0)), Buffer.from(bytes.filter((byte) => byte > 47))]
}

function lower(bytes: Uint8Array): Buffer {
  const copy = Buffer.from(bytes)
  for (let at = 0; at < copy.length; at++) {
    const byte = copy[at] ?? 0
    if (byte >= 65 && byte <= 90) copy[at] = byte + 32
  }
  return copy
}

/** numeric's digits on the wire: base 10,000, high first. */
function numericDigits(value: bigint): Buffer {
  const groups: number[] = []
  for (let rest = value; rest > 0n; rest /= 10_000n) groups.unshift(Number(rest % 10_000n))
  const bytes = Buffer.alloc(groups.length * 2)
  groups.forEach((group, index) => bytes.writeInt16BE(group, index * 2))
  return bytes
}
