// Rows of tables: what the row kernel makes of a run of them is what the walk in TypeScript makes of each.
import { createMasking } from '../../gateway/mask/index.ts'
import { createResultMasker } from '../../gateway/protocols/postgres/mask.ts'
import { RowKernel } from '../../gateway/protocols/postgres/mask/kernel/row-kernel.ts'
import { encodeCopyData, encodeDataRow, Framer, type Field } from '../../gateway/protocols/postgres/messages.ts'
import type { Lineage, Snapshot } from '../../gateway/protocols/postgres/sql/analysis.ts'
import { RefusalError } from '../../gateway/refusal.ts'
import { createTokens, detectedClasses } from '../../gateway/sensitive/index.ts'
import type { PartSummary } from '../../gateway/call.ts'

/** Stands between the bodies of two messages. */
const BETWEEN = 0xfe
const headerBytes = 5
const bodies = (messages: readonly Uint8Array[]) => Buffer.concat(messages.flatMap((bytes) => [bytes.subarray(headerBytes), Buffer.of(BETWEEN)]))
const cells: readonly (readonly (string | null)[])[] = [['1', 'row 1', '219-09-9999'], ['22', null, null], ['', '', ''], ['4111111111111111', '2024-05-06 07:08:09+02', 'x'], ['7', 'mail jane@b.co', '219-09-9999'], ['7', 'a b '.repeat(20), 'y'.repeat(70)]]
const rows = bodies([...cells, ...cells].map((row) => encodeDataRow(row.map((cell) => cell === null ? null : Buffer.from(cell)))))
const lines = bodies([...cells, ...cells].map((row) => encodeCopyData(Buffer.from(`${row.map((cell) => cell ?? '\\N').join('\t')}\n`))))
/** The first byte says of what. */
export const rowSeeds: readonly Uint8Array[] = [Buffer.concat([Buffer.of(0), rows]), Buffer.concat([Buffer.of(1), lines])]

const masking = createMasking({ limits: { maxBodyBytes: 1 << 16, maxResultBytes: 1 << 16, maxDepth: 8 } }, createTokens(new Uint8Array(32).fill(1)))
const plan = masking.planFor({ mask: [{ id: 'ssn', match: { columns: ['t.ssn'] }, op: 'redact' }, { id: 'net', match: { classes: [...detectedClasses] }, op: 'redact' }] }, undefined)
const columns = ['id', 'label', 'ssn'].map((name, index) => ({ name, attribute: index + 1, type: index === 0 ? 20 : 25, modifier: -1 }))
const relation = { oid: 5000, schema: 'public', name: 't', kind: 'r', parents: [], columns }
const snapshot = { path: ['public'], relations: [relation], relation: () => relation, findRelation: () => relation, type: () => undefined } as unknown as Snapshot
const fields: readonly Field[] = columns.map(({ name, attribute, type }) => ({ name, table: 5000, attribute, type, size: -1, modifier: -1, format: 0 }))
const outputs: readonly Lineage[] = columns.map(({ attribute }) => ({ columns: [{ relation: 5000, attribute }] }))
const summary: PartSummary = { title: 'rows', status: 'delivered', isFinal: true }
const kernel = new RowKernel()

export function runRows(input: Uint8Array): void {
  const isCopy = (input[0] ?? 0) % 2 === 1
  const messages: Uint8Array[] = []
  for (let at = 1; at < input.length;) {
    const found = input.indexOf(BETWEEN, at)
    const end = found < 0 ? input.length : found
    // A DataRow has a count at least.
    const body = input.subarray(at, end)
    if (isCopy || body.length >= 2) {
      const message = Buffer.from(encodeCopyData(body))
      if (!isCopy) message[0] = 0x44
      messages.push(message)
    }
    at = end + 1
  }
  const stream = Buffer.concat(messages)
  const [one, other] = [masked(stream, isCopy, kernel), masked(stream, isCopy, undefined)]
  if (one !== other) throw new Error(`does not hold: ${one} is ${other}`)
}

function masked(stream: Uint8Array, isCopy: boolean, by: RowKernel | undefined): string {
  const masker = createResultMasker({ kernel: by, plan, classOf: () => undefined, snapshot, unknownOrigin: 'mask', reachesSensitive: true })
  if (isCopy) masker.copyOut(0, [0, 0, 0], { format: { kind: 'text', delimiter: '\t', null: '\\N', quote: '"', escape: '"', hasHeader: false, isQuery: false }, outputs })
  else masker.describe(fields, outputs)
  let refused = ''
  try {
    for (const frame of new Framer('backend').pushRuns(stream)) if (isCopy) masker.copyRow(frame); else masker.row(frame)
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error
    refused = error.message
  }
  const { rows: seen } = masker
  const part = masker.take(summary)
  return `${refused} ${seen} ${JSON.stringify([...part.masked])} ${Buffer.from(part.bytes).toString('hex')}`
}
