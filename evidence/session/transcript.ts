// What a frame's content says to a person, without knowing a wire protocol (FORMAT §6). Contents are masked forms: nothing here can unmask.
import { frameKind } from './frame.ts'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** At most one of `json`, `text`, `table` of a result is there; a digest stands for content the policy kept out of the record. */
export interface Transcript {
  readonly request?: { readonly title: string; readonly json: Json } | { readonly title: string; readonly text: string }
  readonly decision?: { readonly effect: string; readonly reasons: readonly { readonly id: string; readonly msg: string; /** Of a rule that was told and not enforced. */ readonly mode?: 'warn' | 'dryrun' }[] }
  readonly result?: { readonly title: string; readonly text: string } | { readonly title: string; readonly json: Json } | { readonly title: string; readonly table: Json } | { readonly title: string; readonly digest: string }
  /** Opening, approval, policy, config, administrative and unauthenticated frames. */
  readonly event?: Json
}

export interface FrameContents { readonly request?: Uint8Array; readonly decision?: Uint8Array; readonly result?: Uint8Array }

const callKinds: readonly number[] = [frameKind.intent, frameKind.refusal]
const chunkKinds: readonly number[] = [frameKind.requestChunk, frameKind.resultChunk]

/** Content that is not what FORMAT §6 says is shown as text, never dropped: the reader sees what is on record. */
export function toTranscript(kind: number, contents: FrameContents): Transcript {
  const { request, decision, result } = contents
  if (chunkKinds.includes(kind)) {
    const bytes = result ?? request
    return bytes === undefined ? {} : { result: { title: kind === frameKind.requestChunk ? 'request, later bytes' : 'result, part', text: textOf(bytes) } }
  }
  return {
    ...(request === undefined ? {} : callKinds.includes(kind) && !isEvent(request) ? { request: toRequest(request) } : { event: parseJson(request) ?? textOf(request) }),
    ...(decision === undefined ? {} : { decision: toDecision(decision) }),
    ...(result === undefined ? {} : { result: toResult(result) }),
  }
}

/** A refusal of a message that could not be read as a call has no policy input: its content says so itself. */
function isEvent(request: Uint8Array): boolean { return asText(asObject(parseJson(request))?.['event']) !== undefined }

function toRequest(bytes: Uint8Array): NonNullable<Transcript['request']> {
  const input = asObject(parseJson(bytes))
  if (input === undefined) return { title: 'request', text: textOf(bytes) }
  const action = asText(asObject(input['action'])?.['name'])
  const resource = asText(asObject(input['resource'])?.['id'])
  return { title: [action, resource].filter((part) => part !== undefined).join(' ') || 'request', json: input['request'] ?? null }
}

/** A request that is a statement, as a person would have typed it, its values behind it by number; undefined for any other. */
export function statementText(request: Json): string | undefined {
  const statement = asText(asObject(request)?.['statement'])
  if (statement === undefined || statement === '') return undefined
  const { parameters, literals } = asObject(request) ?? {}
  const bound = Array.isArray(parameters) ? parameters : []
  const written = Array.isArray(literals) ? literals : []
  // Constants of the text are numbered behind its own parameters, which a statement that was only prepared has no values for yet.
  const highest = [...statement.matchAll(/\$([0-9]{1,9})/g)].reduce((most, [, digits]) => Math.max(most, Number(digits)), 0)
  const line = (value: Json, number: number): string => `  -- $${number} = ${valueText(value)}`
  return [statement, ...bound.map((value, i) => line(value, i + 1)), ...written.map((value, i) => line(value, highest - written.length + i + 1))].join('\n')
}

function valueText(value: Json): string {
  const { class: named, token } = asObject(value) ?? {}
  return typeof named === 'string' ? `⟦${named}${typeof token === 'string' ? `:${token}` : ''}⟧` : value === null ? 'NULL' : typeof value === 'string' ? quoted(value) : JSON.stringify(value)
}

/** As PostgreSQL would read it, on one line: a value that could end early would be whatever its sender wants it to seem. */
function quoted(value: string): string {
  const doubled = value.replaceAll("'", "''")
  return /\p{Cc}/u.test(value) ? `E'${JSON.stringify(doubled).slice(1, -1).replaceAll('\\"', '"')}'` : `'${doubled}'`
}

/** Counts of an outcome, for people: `2 rows, 83 bytes, masked: pg.ssn 2`. */
export function countsOf(result: Uint8Array): string {
  const { rows, bytes, masked, chunks } = asObject(parseJson(result)) ?? {}
  const cells = Object.entries(asObject(masked) ?? {}).map(([rule, count]) => `${rule} ${JSON.stringify(count)}`)
  return [
    typeof rows === 'number' ? `${rows} ${rows === 1 ? 'row' : 'rows'}` : '', typeof bytes === 'number' ? `${bytes} bytes` : '',
    typeof chunks === 'number' ? `in ${chunks + 1} parts` : '', cells.length === 0 ? '' : `masked: ${cells.join(', ')}`,
  ].filter((part) => part !== '').join(', ')
}

function toDecision(bytes: Uint8Array): NonNullable<Transcript['decision']> {
  const decision = asObject(parseJson(bytes)) ?? {}
  const reasons = Array.isArray(decision['reasons']) ? decision['reasons'] : []
  return {
    effect: asText(decision['effect']) ?? 'unreadable',
    reasons: reasons.map((reason) => {
      const { id, msg, mode } = asObject(reason) ?? {}
      return { id: asText(id) ?? '', msg: asText(msg) ?? '', ...mode === 'warn' || mode === 'dryrun' ? { mode } : {} }
    }),
  }
}

function toResult(bytes: Uint8Array): NonNullable<Transcript['result']> {
  const result = asObject(parseJson(bytes))
  if (result === undefined) return { title: 'result', text: textOf(bytes) }
  const title = asText(result['title']) ?? 'result'
  const { text, table, digest } = result
  if (typeof text === 'string') return { title, text }
  if (table !== undefined) return { title, table }
  const sha256 = asText(digest) ?? asText(asObject(digest)?.['sha256'])
  if (sha256 !== undefined) return { title, digest: sha256 }
  return { title, json: result['json'] ?? null }
}

function parseJson(bytes: Uint8Array): Json | undefined {
  try {
    const value: Json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    return value
  } catch {
    return undefined
  }
}

function asObject(value: Json | undefined): { [key: string]: Json } | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
}

function asText(value: Json | undefined): string | undefined { return typeof value === 'string' ? value : undefined }

/** Bytes that are not UTF-8 show as U+FFFD. */
function textOf(bytes: Uint8Array): string { return new TextDecoder().decode(bytes) }
