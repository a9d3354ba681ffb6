// `node test/bench/rows.ts [partial]`: rows through framer and masker in one process, without sockets and record: ns a row of four cells, one of them
// masked, as DataRow and as COPY text, with detectors over the other cells and without, by the kernel and without it. The least of many rounds.
import { createMasking } from '../../gateway/mask/index.ts'
import { createResultMasker } from '../../gateway/protocols/postgres/mask.ts'
import { RowKernel } from '../../gateway/protocols/postgres/mask/kernel/row-kernel.ts'
import { backendTag, encodeCopyData, encodeDataRow, Framer, type Field } from '../../gateway/protocols/postgres/messages.ts'
import type { Lineage, Snapshot } from '../../gateway/protocols/postgres/sql/analysis.ts'
import { createTokens, detectedClasses } from '../../gateway/sensitive/index.ts'
import type { MaskRule } from '../../rego/index.ts'

const rows = 200_000
const readBytes = 64 * 1024
const forMs = 3_000

const cellsOf = (id: number) => [`${id}`, `row ${id}`, `219-09-${String(id % 10_000).padStart(4, '0')}`, `${id * 3}`]
const streams = {
  rows: reads((id) => encodeDataRow(cellsOf(id).map((cell) => Buffer.from(cell)))),
  copy: reads((id) => encodeCopyData(Buffer.from(`${cellsOf(id).join('\t')}\n`))),
}

const columns = ['id', 'filler', 'ssn', 'amount'].map((name, index) => ({ name, attribute: index + 1, type: [23, 25, 25, 23][index] ?? 25, modifier: -1 }))
const relation = { oid: 5_000, schema: 'public', name: 'big', kind: 'r', parents: [], columns }
const snapshot = { path: ['public'], relations: [relation], relation: () => relation, findRelation: () => relation, type: () => undefined } as unknown as Snapshot
const fields: readonly Field[] = columns.map(({ name, attribute, type }) => ({ name, table: relation.oid, attribute, type, size: -1, modifier: -1, format: 0 }))
const outputs: readonly Lineage[] = columns.map(({ attribute }) => ({ columns: [{ relation: relation.oid, attribute }] }))

const masking = createMasking({ limits: { maxBodyBytes: 1 << 20, maxResultBytes: 1 << 20, maxDepth: 32 } }, createTokens(new Uint8Array(32).fill(1)))
const column: MaskRule = { id: 'ssn', match: { columns: ['public.big.ssn'] }, ...process.argv[2] === 'partial' ? { op: 'partial', keep_last: 4 } : { op: 'redact' } }
const kernel = new RowKernel()
const net: MaskRule = { id: 'net', match: { classes: [...detectedClasses] }, op: 'redact' }

for (const [what, rules] of [['one column', [column]], ['one column, detectors on the rest', [column, net]]] as const) {
  for (const kind of ['rows', 'copy'] as const) {
    for (const by of [undefined, kernel]) {
      let least = Infinity
      for (const until = performance.now() + forMs; performance.now() < until;) {
        const before = process.cpuUsage()
        run(kind, rules, by)
        const { user, system } = process.cpuUsage(before)
        least = Math.min(least, (user + system) * 1_000 / rows)
      }
      process.stdout.write(`${kind}, ${what}${by === undefined ? ', without the kernel' : ''}: ${least.toFixed(0)} ns a row\n`)
    }
  }
}

function run(kind: 'rows' | 'copy', rules: readonly MaskRule[], by: RowKernel | undefined): void {
  const masker = createResultMasker({ plan: masking.planFor({ mask: rules }, undefined), classOf: () => undefined, snapshot, unknownOrigin: 'mask', reachesSensitive: true, kernel: by })
  if (kind === 'rows') masker.describe(fields, outputs)
  else masker.copyOut(0, columns.map(() => 0), { format: { kind: 'text', delimiter: '\t', null: '\\N', quote: '"', escape: '"', hasHeader: false, isQuery: false }, outputs })
  const framer = new Framer('backend')
  for (const read of streams[kind]) {
    for (const frame of framer.pushRuns(read)) if (frame.tag === backendTag.dataRow) masker.row(frame); else masker.copyRow(frame)
    masker.take({ title: '', status: 'delivered', isFinal: false })
  }
}

/** As a socket would give them: cut anywhere, each in memory of its own. */
function reads(encode: (id: number) => Uint8Array): readonly Uint8Array[] {
  const bytes = Buffer.concat(Array.from({ length: rows }, (_, index) => encode(300_000 + index)))
  return Array.from({ length: Math.ceil(bytes.length / readBytes) }, (_, index) => new Uint8Array(bytes.subarray(index * readBytes, (index + 1) * readBytes)))
}
