// What the first look lets pass, no detector would have found: asked of the detectors themselves, over the corpus, its mutations and texts put together from its parts.
// The row kernel's first look says the same of each of them.
import test from 'ava'
import { readdirSync, readFileSync } from 'node:fs'
import { CellMasks, createMasking, type CellKind } from '../../../gateway/mask/index.ts'
import { detectedClasses, createTokens } from '../../../gateway/sensitive/index.ts'
import { binaryLook } from '../../../gateway/protocols/postgres/mask/binary-look.ts'
import { binaryToText } from '../../../gateway/protocols/postgres/wire/values.ts'
import { kernelLook } from '../protocols/postgres/kernel-look.ts'

interface Case { readonly text: string; readonly member?: string; readonly expect: readonly { readonly class: string }[] }
const folder = new URL('../../vectors/sensitive/', import.meta.url)
const corpus = readdirSync(folder).flatMap((file) => JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Case[])

const limits = { maxBodyBytes: 4_096, maxResultBytes: 4_096, maxDepth: 8 }
const masking = createMasking({ limits }, createTokens(new Uint8Array(32).fill(1)))
const cells = new CellMasks(masking.planFor({ mask: [{ id: 'net', match: { classes: [...detectedClasses] }, op: 'redact' }, { id: 'named', match: { columns: ['pin'] }, op: 'redact' }] }, undefined), false)
const kinds: readonly CellKind[] = ['text', 'markup', 'other', 'number', 'json']
const looks = new Map(kinds.map((kind) => [kind, cells.firstLook(kind, 'label')] as const))

/** The same numbers each time (a linear congruence; its upper bits). */
function numbersFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = Math.imul(state, 1_664_525) + 1_013_904_223 | 0
    return state >>> 8
  }
}

/** Kinds for which the first look says no where the closer one changes something, or another thing than the kernel's. */
function missed(bytes: Buffer): readonly string[] {
  const text = bytes.toString('utf8')
  // What lies around a cell is none of it.
  const inside = Buffer.concat([Buffer.from('4111'), bytes, Buffer.from('1@b.co')])
  return kinds.filter((kind) => {
    const saysMaybe = looks.get(kind)?.(inside, 4, 4 + bytes.length)
    if (saysMaybe === false && cells.scanCell(text, kind, 'label') !== text) return true
    return kind !== 'json' && kind !== 'none' && bytes.length <= limits.maxResultBytes && kernelLook(kind, inside, 4, 4 + bytes.length) !== saysMaybe
  })
}

test('every value of the corpus is looked at closer', (t) => {
  for (const { text } of corpus) t.deepEqual(missed(Buffer.from(text)), [], text)
})

const fragments = [
  ...'0123456789 -./(),:=+@%_"\'\\{}[]\t\n\r\0#$', ...'abkKvVdDeEzZQ~', '00', '123', '4111', '1111', '12345', '123456789', '4111111111111111', '021000021', 'DE89', '3704', '0044', 'GB29NWBK60161331926819', 'acc ', 'acct:', 'account', 'A/C ', 'dda', 'checking', 'savings',
  'ssn', 'SS#', 'tin ', 'routing ', 'aba', 'dob', 'Born ', 'd.o.b', 'geb. ', 'birth', 'June ', '1980-02-03', '03/02/1980', '19800203', '2024-05-06 07:08:09.123456+02', 'T', 'call ', 'tel', '+1', '(415) ', '415-555-', '2671', '10.1.', '2.3', 'fe80::', '1:', 'dead:beef',
  'sk_live_', 'ghp_', 'AKIA', 'ACCA', 'eyJhbGciOiJIUzI1NiJ9', 'Bearer ', 'token ', 'abcdefghij', 'ABCDEFGHIJKLMNOP', '234567ABCDEF2345', 'Q~', 'sig=', 'password', 'secret: ', 'pin=', '-----BEGIN ', 'RSA PRIVATE KEY-----', 'jane', '@b.co', '%40', 'https://', 'u:p@h',
  '４', '１２３', '٣', '৪', '²', '①', '\u00ad', '\u200b', '\u2010', '\u2212', '\u00a0', '\u3000', 'é', 'ß', 'İ', 'ı', 'ſ', 'K', 'Ω', 'ж', '\u0301', '日', '本', '한', '힣', '😀', '\ufeff', 'ー',
  Buffer.from('219-09-9999').toString('base64'), Buffer.from('mail jane@b.co now').toString('base64'), '{"a":"219-09-9999"}', '[4111111111111111]',
]
const pieces = [...fragments, ...corpus.flatMap(({ text }) => text.split(/(?<=[\s:=,])/))]

test('put together at random, and mutated byte by byte, nothing that would be found is let pass', (t) => {
  const next = numbersFrom(20_261)
  const pick = <T>(of: readonly T[]): T => of[next() % of.length] as T
  for (let i = 0; i < 20_000; i++) {
    let bytes = Buffer.from(i % 3 === 0 ? pick(corpus).text : Array.from({ length: 1 + next() % 7 }, () => pick(pieces)).join(''))
    for (let edits = next() % 4; edits > 0; edits--) {
      const at = next() % (bytes.length + 1)
      const cut = next() % 3
      bytes = Buffer.concat([bytes.subarray(0, at), next() % 2 === 0 ? Buffer.of(next() % 256) : Buffer.from(pick(fragments)), bytes.subarray(at + cut)])
    }
    const which = missed(bytes)
    if (which.length > 0) t.fail(`${which.join()}: ${JSON.stringify(bytes.toString('utf8'))} ${bytes.toString('hex')}`)
  }
  t.pass()
})

test('the least that a detector finds is looked at closer', (t) => {
  const iban = 'MT42 CDEF GHIJ LMNO PQRS TUWX 1234 567'
  for (const text of [
    iban, `to ${iban}!`, `to é${iban}`, `to _${iban}.`, 'acc 123456', 'dob 1980', 'born 1.2.80', '1.1.1.1', 'a@b.co', 'a%40b.co', '219-09-9999', '219-09-\u00ad9999', '21\u00ad9-09-9999', '２１９-09-9999', 'call +4155 551', 'tel +4155 551', 'pin=1', 'pin: 12',
    'xoxb-abcdefghi1', 'xapp-1-abcdefghi1', 'xoxb-abcdefghiJ', 'SG.abcdefghijklmnop.abcdefghijklmnopqrstuvwxyz012345', '-----BEGIN PRIVATE KEY-----', Buffer.from('1.1.1.12 ').toString('base64'), Buffer.from('a@bcd.co ').toString('base64'),
    '["a@b.co"]', ' {"pin":"1234"}', '"a\\u0040b.co"', '4111 1111 1111 1111', '4111.1111.1111.1111',
  ]) {
    const bytes = Buffer.from(text)
    if (cells.scanCell(text, 'text', 'label') !== text) t.true(looks.get('text')?.(bytes, 0, bytes.length), text)
    t.deepEqual(missed(bytes), [], text)
  }
})

test('numbers of any length and sign: those that are somebody\'s are looked at closer', (t) => {
  const next = numbersFrom(5)
  for (let i = 0; i < 5_000; i++) {
    const digits = Array.from({ length: 1 + next() % 24 }, () => String(next() % 10)).join('')
    for (const text of [digits, `-${digits}`, `${digits}.00`, `${digits}.${digits}`, String(Number(digits)), `$${digits}`]) t.deepEqual(missed(Buffer.from(text)), [], text)
  }
  for (const card of ['4111111111111111', '4111111111111111.00', '5555555555554444']) t.true(looks.get('number')?.(Buffer.from(card), 0, card.length), card)
  t.false(looks.get('number')?.(Buffer.from('123456789012'), 0, 12))
})

test('moments are let pass, whatever they look like', (t) => {
  const next = numbersFrom(9)
  const two = (below: number) => String(next() % below).padStart(2, '0')
  for (let i = 0; i < 3_000; i++) {
    const date = `${String(next() % 10_000).padStart(4, '0')}-${two(100)}-${two(100)}`
    const time = `${one(next, [' ', 'T'])}${two(100)}:${two(100)}:${two(100)}`
    for (const text of [date, date + time, `${date}${time}.${next() % 1_000_000}`, `${date}${time}+${two(100)}`, `${date}${time}.5-${two(100)}:${two(100)}`]) {
      t.deepEqual(missed(Buffer.from(text)), [], text)
      t.false(looks.get('other')?.(Buffer.from(text), 0, text.length), text)
    }
    for (const text of [`${date}1`, `${date} `, `1${date}`, `${date}${time}:12`, `${date}${time}.1234567`, `${date} 123-45-6789`]) t.deepEqual(missed(Buffer.from(text)), [], text)
  }
})

const one = (next: () => number, of: readonly string[]) => of[next() % of.length] ?? ''

test('a name that speaks of its values has every cell looked at closer', (t) => {
  for (const name of ['ssn', 'phone', 'accountNumber', 'account', 'dob', 'birth_place', 'card', 'routing_no', 'password', 'api_key', 'mobile']) {
    for (const kind of kinds) t.true(cells.firstLook(kind, name)(Buffer.from('row 1'), 0, 5), `${name} ${kind}`)
  }
  for (const { text, member = '' } of corpus) {
    const bytes = Buffer.from(text)
    for (const kind of kinds) if (!cells.firstLook(kind, member)(bytes, 0, bytes.length)) t.is(cells.scanCell(text, kind, member), text, `${member} ${text}`)
  }
})

test('a cell too long to be searched is not let pass for being clean', (t) => {
  const bytes = Buffer.from('a b '.repeat(2_000))
  t.true(looks.get('text')?.(bytes, 0, bytes.length))
  t.throws(() => cells.scanCell(bytes.toString(), 'text', 'label'), { message: 'A cell is too long to be masked' })
})

test('in binary, too: numbers and moments that are let pass are nobody\'s', (t) => {
  const next = numbersFrom(77)
  // Small values as well as large ones.
  const random = (size: number) => {
    const zeros = next() % (size + 1)
    return Buffer.from(Array.from({ length: size }, (_, at) => at < zeros ? (next() % 4 === 0 ? 255 : 0) : next() % 256))
  }
  for (const form of ['int', 'oid', 'float', 'numeric', 'money', 'date', 'timestamp', 'uuid', 'inet'] as const) {
    const look = binaryLook(form)
    const kind = form === 'date' || form === 'timestamp' || form === 'uuid' || form === 'inet' ? 'other' : 'number'
    for (let i = 0; i < 3_000; i++) {
      const bytes = form === 'numeric' ? numeric(next) : random([2, 3, 4, 4, 8, 8, 8, 16][next() % 8] ?? 4)
      if (look(bytes, 0, bytes.length)) continue
      const text = binaryToText(form, bytes)
      if (text === undefined) t.true(form === 'date' || form === 'timestamp', `${form} ${bytes.toString('hex')}`)
      else t.is(cells.scanCell(text, kind, 'label'), text, `${form} ${bytes.toString('hex')}`)
    }
  }
  const card = Buffer.alloc(8)
  card.writeBigInt64BE(4111111111111111n)
  t.true(binaryLook('int')(card, 0, 8))
  card.writeDoubleBE(4111111111111111)
  t.true(binaryLook('float')(card, 0, 8))
  t.false(binaryLook('int')(Buffer.of(0, 0, 1, 0), 0, 4))
})

function numeric(next: () => number): Buffer {
  const digits = next() % 7
  const bytes = Buffer.alloc(8 + digits * 2)
  bytes.writeUInt16BE(digits, 0)
  bytes.writeInt16BE(next() % 8 - 3, 2)
  bytes.writeUInt16BE(next() % 2 === 0 ? 0 : 0x4000, 4)
  bytes.writeUInt16BE(next() % 5, 6)
  for (let i = 0; i < digits; i++) bytes.writeUInt16BE(next() % 10_000, 8 + i * 2)
  return bytes
}
