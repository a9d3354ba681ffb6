// Rows of a bulk INSERT and values of a long IN list that differ in nothing but their constants: some of them say all that facts and lineage would learn of
// them. Where a constant stands decides what it meets, never what it says (alike.ts); so the rest are left out of the tree, and a megabyte of rows costs no
// more to analyse than a few. What is shown of constants and parameters does not change: those that are shown are among those that stay.
import { bodyAt, bodyOf, isTrueAt, itemsOf, listAt, numberAt, qualifiedName, tagged, textAt, walk, type Body } from './lineage/tree.ts'

/** Shorter lists stay as they are; of longer ones so many of a kind: more than anybody counts (lineage/uses.ts, guesses). */
const minKept = 64
/** Of lists in lists. */
const maxDepth = 8
/** UTF-16 units of a call that is compared with others. */
const maxCallUnits = 512

/** What may be told of an entry without its constants. Undefined parts make it one of its own. */
interface Entry { kind: string; constants: number; isWhole: boolean; readonly parameters: number[] }

/**
 * Leaves out what repeats, in place.
 * @param shown constants, and parameters by number, whose columns will be asked for: the first of them
 */
export function foldRows(statements: readonly unknown[], shown: number): void {
  walk(statements, (body, tag) => {
    if (body['valuesLists'] !== undefined) fold(body, 'valuesLists', shown)
    else if (tag === 'A_ArrayExpr') fold(body, 'elements', shown)
    else if (tag === 'A_Expr' && body['kind'] === 'AEXPR_IN') {
      const list = bodyOf(body['rexpr'], 'List')
      if (list !== undefined) fold(list, 'items', shown)
    }
  })
}

function fold(body: Body, key: string, shown: number): void {
  const list = listAt(body, key)
  if (list.length <= minKept) return
  const kinds = new Map<string, { count: number; constants: number }>()
  /** Parameters that are shown, by the place in a row where they stand. */
  const met = new Set<string>()
  const kept = list.filter((each) => {
    const entry: Entry = { kind: '', constants: 0, isWhole: true, parameters: [] }
    const row = itemsOf(each) ?? rowOf(each)
    entry.kind = row === undefined ? 'one' : 'row'
    for (const [at, cell] of (row ?? [each]).entries()) {
      describe(cell, entry, 0)
      for (const number of entry.parameters.splice(0)) {
        const place = `${at} ${number}`
        if (number > shown || met.has(place)) continue
        met.add(place)
        entry.isWhole = false
      }
    }
    if (!entry.isWhole) return true
    let known = kinds.get(entry.kind)
    if (known === undefined) kinds.set(entry.kind, known = { count: 0, constants: 0 })
    // Once so many constants stand before it, none of its own is shown.
    if (known.count >= minKept && (entry.constants === 0 || known.constants >= shown)) return false
    known.count++
    known.constants += entry.constants
    return true
  })
  // The tree is the worker's own.
  if (kept.length < list.length) (body as Record<string, unknown>)[key] = kept
}

function rowOf(node: unknown): readonly unknown[] | undefined {
  const row = bodyOf(node, 'RowExpr')
  return row === undefined ? undefined : listAt(row, 'args')
}

/** Adds what a cell is. Whatever is not known here ends the comparison: the entry stays. */
function describe(node: unknown, entry: Entry, depth: number): void {
  const found = tagged(node)
  if (found === undefined || depth > maxDepth || !entry.isWhole) { entry.isWhole = false; return }
  const { tag, body } = found
  switch (tag) {
    case 'A_Const':
      entry.kind += isTrueAt(body, 'isnull') ? ' null' : ' constant'
      if (!isTrueAt(body, 'isnull')) entry.constants++
      return
    case 'SetToDefault': entry.kind += ' default'; return
    case 'ParamRef': {
      const number = numberAt(body, 'number')
      if (number === undefined) entry.isWhole = false
      else entry.parameters.push(number)
      entry.kind += ' parameter'
      return
    }
    case 'SQLValueFunction': entry.kind += ` ${textAt(body, 'op')} ${numberAt(body, 'typmod')}`; return
    case 'TypeCast': {
      const type = bodyAt(body, 'typeName')
      if (type === undefined) { entry.isWhole = false; return }
      entry.kind += ` cast ${withoutPlaces(type)}`
      return describe(body['arg'], entry, depth + 1)
    }
    case 'A_ArrayExpr': case 'RowExpr': {
      entry.kind += ` ${tag}(`
      for (const each of listAt(body, tag === 'RowExpr' ? 'args' : 'elements')) describe(each, entry, depth + 1)
      entry.kind += ')'
      return
    }
    // The same call, argument by argument: `now()`, `nextval('s')`. Each setting is told by itself.
    case 'FuncCall': {
      const text = withoutPlaces(body)
      if (text.length > maxCallUnits || text.includes('"ParamRef"') || qualifiedName(listAt(body, 'funcname')).name === 'set_config') entry.isWhole = false
      entry.kind += ` ${text}`
      return
    }
    default: entry.isWhole = false
  }
}

/** Where it stands tells nothing of what it is. */
function withoutPlaces(body: Body): string {
  return JSON.stringify(body, (key, value: unknown) => key === 'location' ? undefined : value)
}
