// What a module may bring along: what OPA's compiler makes, and no more. A memory of its own would know no ceiling, an import could be
// anything, and an array type could fill the process before a line of it has run. Format: WebAssembly Core Specification 2.0, §5.
import { importKinds, readSections, sections, unknown, WasmReader } from './wasm-reader.ts'

const functionType = 0x60
const numberTypes = [0x7f, 0x7e, 0x7d, 0x7c]
const functionReference = 0x70
const end = 0x0b
const maxTableEntries = 65_536
const hostFunctions = ['opa_abort', 'opa_println', 'opa_builtin0', 'opa_builtin1', 'opa_builtin2', 'opa_builtin3', 'opa_builtin4']

/**
 * @returns names of the functions that it imports; their indices come before those of its own
 * @throws PolicyError `ERR_BUNDLE_MALFORMED`
 */
export function checkShape(parts: ReadonlyMap<number, Uint8Array>): readonly string[] {
  forEach(parts, sections.type, reader => {
    if (reader.byte() !== functionType) throw unknown('it has a type that is not a function')
    for (let lists = 2; lists > 0; lists--) for (let left = reader.u32(); left > 0; left--) if (!numberTypes.includes(reader.byte())) throw unknown('it has a value that is not a number')
  })
  forEach(parts, sections.memory, () => { throw unknown('it has a memory of its own') })
  forEach(parts, sections.table, reader => {
    if (reader.byte() !== functionReference) throw unknown('it has a table of something else than functions')
    const hasMaximum = reader.byte() === 1
    if (reader.u32() > maxTableEntries) throw unknown(`it has a table of more than ${maxTableEntries} functions`)
    if (hasMaximum) reader.u32()
  })
  let changing = 0
  forEach(parts, sections.global, reader => {
    if (!numberTypes.includes(reader.byte())) throw unknown('it has a value that is not a number')
    changing += reader.byte()
    while (reader.instruction() !== end);
  })
  // The stack's pointer, which stands where it stood between two calls: all other state is memory, and can be copied.
  if (changing > 1) throw unknown('it has more than one global that changes')
  return importsOf(parts).functions
}

/**
 * Pages of 64 KiB that a module asks its host for, so that its constants have room.
 * @throws PolicyError `ERR_BUNDLE_MALFORMED`
 */
export function declaredPages(wasm: Uint8Array): number {
  return importsOf(readSections(wasm)).pages
}

function importsOf(parts: ReadonlyMap<number, Uint8Array>): { readonly functions: readonly string[]; readonly pages: number } {
  const functions: string[] = []
  let pages = 0
  forEach(parts, sections.import, reader => {
    const from = reader.name()
    const name = reader.name()
    const kind = reader.byte()
    if (from === 'env' && kind === importKinds.func && hostFunctions.includes(name)) {
      reader.u32()
      functions.push(name)
    } else if (from === 'env' && kind === importKinds.memory && name === 'memory') {
      const hasMaximum = reader.byte() === 1
      pages = reader.u32()
      if (hasMaximum) reader.u32()
    } else throw unknown("it imports something else than OPA's host functions and the memory")
  })
  return { functions, pages }
}

function forEach(parts: ReadonlyMap<number, Uint8Array>, section: number, read: (reader: WasmReader) => void): void {
  const content = parts.get(section)
  if (!content) return
  const reader = new WasmReader(content, 0)
  for (let left = reader.u32(); left > 0; left--) read(reader)
}
