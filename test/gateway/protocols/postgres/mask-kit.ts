// A real server, its catalogue, and results of it put through a masker as a session would.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { MaskedPart } from '../../../../gateway/call.ts'
import { createMasking, type MaskPlan } from '../../../../gateway/mask/index.ts'
import { createResultMasker, type CopySource, type ResultMasker, type ResultMaskerOptions } from '../../../../gateway/protocols/postgres/mask.ts'
import { backendTag, encodeBind, encodeDescribe, encodeExecute, encodeParse, encodeQuery, encodeSync, Framer, parseCopyResponse, parseDiagnostic, parseRowDescription, rowCells, type Field, type Frame } from '../../../../gateway/protocols/postgres/messages.ts'
import type { Lineage, Snapshot } from '../../../../gateway/protocols/postgres/sql/analysis.ts'
import { loadSnapshot } from '../../../../gateway/protocols/postgres/sql/catalogue.ts'
import { createTokens } from '../../../../gateway/sensitive/index.ts'
import type { MaskRule } from '../../../../rego/index.ts'
import type { Database } from '../../../../scripts/demo/postgres.ts'
import { startCluster } from '../../../e2e/cluster.ts'
import { openRaw, type RawClient } from './raw-client.ts'

export const summary = { title: 'result', status: 'delivered', isFinal: true } as const
const masking = createMasking({ limits: { maxBodyBytes: 1 << 20, maxResultBytes: 1 << 20, maxDepth: 32 } }, createTokens(new Uint8Array(32).fill(1)))
export const planOf = (...mask: MaskRule[]): MaskPlan => masking.planFor({ mask }, undefined)

export type Given = Partial<Omit<ResultMaskerOptions, 'plan'>> & { readonly outputs?: readonly Lineage[]; readonly copy?: Omit<CopySource, 'outputs'>; readonly formats?: readonly number[] }

export interface Bank {
  readonly database: Database
  readonly client: RawClient
  snapshot: Snapshot
  ask(sql: string): Promise<readonly Frame[]>
  reload(): Promise<void>
  close(): Promise<void>
}

export async function openBank(): Promise<Bank> {
  const folder = mkdtempSync(path.join(tmpdir(), 'countersign-mask-'))
  const database = await startCluster(folder)
  const client = await openRaw(database.port)
  const rowsOf = async (sql: string) => (await client.ask([encodeQuery(sql)])).filter(({ tag }) => tag === backendTag.dataRow).map(({ bytes }) => rowCells(bytes).map((cell) => cell === null ? null : Buffer.from(cell).toString()))
  let last: Promise<unknown> = Promise.resolve()
  // Asked all at once, answered one by one.
  const rows = (sql: string) => {
    const answer = last.then(() => rowsOf(sql))
    last = answer
    return answer
  }
  const bank: Bank = {
    database, client, snapshot: await loadSnapshot(rows),
    ask: async (sql) => {
      const frames = await client.ask([encodeQuery(sql)])
      const error = frames.find(({ tag }) => tag === backendTag.error)
      if (error !== undefined) throw new Error(parseDiagnostic(error.bytes).get('M'))
      return frames
    },
    reload: async () => { bank.snapshot = await loadSnapshot(rows) },
    close: async () => { client.close(); await database.stop(); rmSync(folder, { recursive: true, force: true }) },
  }
  return bank
}

export interface Masked { readonly part: MaskedPart; readonly frames: readonly Frame[]; readonly rows: readonly (readonly (Buffer | null)[])[]; readonly fields: readonly Field[] }

/** What the caller would get of these messages of the server's. */
export function maskFrames(frames: readonly Frame[], plan: MaskPlan, snapshot: Snapshot, given: Given = {}): Masked {
  const { outputs, copy, formats, ...options } = given
  const masker = createResultMasker({ plan, classOf: () => undefined, snapshot, unknownOrigin: 'mask', reachesSensitive: true, ...options })
  let fields: readonly Field[] = []
  for (const frame of frames) {
    if (frame.tag === backendTag.rowDescription) masker.describe(fields = parseRowDescription(frame.bytes), outputs, formats)
    if (frame.tag === backendTag.copyOut) {
      const response = parseCopyResponse(frame.bytes)
      masker.copyOut(response.format, response.formats, copy === undefined ? undefined : { ...copy, outputs })
    }
    feed(masker, frame)
  }
  const part = masker.take(summary)
  const masked = new Framer('backend').push(part.bytes)
  const rows = masked.filter(({ tag }) => tag === backendTag.dataRow).map(({ bytes }) => rowCells(bytes).map((cell) => cell === null ? null : Buffer.from(cell)))
  return { part, frames: masked, rows, fields }
}

function feed(masker: ResultMasker, frame: Frame): void {
  switch (frame.tag) {
    case backendTag.dataRow: return masker.row(frame)
    case backendTag.copyData: return masker.copyRow(frame)
    case backendTag.error: case backendTag.notice: return masker.diagnostic(frame.bytes)
    case backendTag.parameterStatus: return masker.parameterStatus(frame.bytes)
    case backendTag.notification: return masker.notification(frame.bytes)
    default: return masker.pass(frame.bytes)
  }
}

/** A statement by the extended protocol, all columns in one format. */
export function extended(sql: string, format: number): readonly Uint8Array[] {
  return [encodeParse('', sql, []), encodeBind({ portal: '', statement: '', formats: [], values: [], resultFormats: [format] }), encodeDescribe('P', ''), encodeExecute(''), encodeSync()]
}

/** A value back to the server in the type and format it came in: the first cell of `SELECT $1`, as text. */
export async function sendBack(client: RawClient, type: string, oid: number, format: number, value: Uint8Array | null): Promise<string | null> {
  const frames = await client.ask([encodeParse('', `SELECT ($1::${type})::text`, [oid]), encodeBind({ portal: '', statement: '', formats: [format], values: [value], resultFormats: [0] }), encodeExecute(''), encodeSync()])
  const error = frames.find(({ tag }) => tag === backendTag.error)
  if (error !== undefined) throw new Error(`${type}, format ${format}: ${parseDiagnostic(error.bytes).get('M')}`)
  const row = frames.find(({ tag }) => tag === backendTag.dataRow)
  const cell = row === undefined ? null : rowCells(row.bytes)[0] ?? null
  return cell === null ? null : Buffer.from(cell).toString()
}
