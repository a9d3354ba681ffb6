// Cells of tables: what the first look at their bytes lets pass, the detectors would have let be; and the row kernel's first look says the same.
import { readdirSync, readFileSync } from 'node:fs'
import { CellMasks, createMasking, type CellKind } from '../../gateway/mask/index.ts'
import { createTokens, detectedClasses } from '../../gateway/sensitive/index.ts'
import { kernelLook } from '../gateway/protocols/postgres/kernel-look.ts'

const folder = new URL('../vectors/sensitive/', import.meta.url)
export const cellSeeds: readonly Uint8Array[] = readdirSync(folder).flatMap((file) => JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as { readonly text: string }[]).map(({ text }) => Buffer.from(text))

const limits = { maxBodyBytes: 1 << 16, maxResultBytes: 1 << 16, maxDepth: 8 }
const masking = createMasking({ limits }, createTokens(new Uint8Array(32).fill(1)))
const cells = new CellMasks(masking.planFor({ mask: [{ id: 'net', match: { classes: [...detectedClasses] }, op: 'redact' }, { id: 'named', match: { columns: ['pin'] }, op: 'redact' }] }, undefined), false)
const looks = (['text', 'markup', 'other', 'number'] satisfies CellKind[]).map((kind) => [kind, cells.firstLook(kind, 'label')] as const)

export function runCells(input: Uint8Array): void {
  const text = Buffer.from(input).toString('utf8')
  for (const [kind, look] of looks) {
    const saysMaybe = look(input, 0, input.length)
    if (!saysMaybe && cells.scanCell(text, kind, 'label') !== text) throw new Error(`does not hold: a cell of ${kind} that passes at first look holds nothing`)
    if (input.length <= limits.maxResultBytes && kernelLook(kind, input) !== saysMaybe) throw new Error(`does not hold: the kernel says the same of a cell of ${kind}`)
  }
}
