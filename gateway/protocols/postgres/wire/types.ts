// What a type's values look like on the wire, by its OID: pg_type.dat for the built-in ones, the live catalogue for the rest.
import type { CellKind } from '../../../mask/index.ts'
import type { DataType } from '../sql/analysis.ts'

/** How binary values are read, for a look inside; `opaque` where nobody knows. */
export type BinaryForm = 'text' | 'jsonb' | 'bool' | 'int' | 'oid' | 'float' | 'numeric' | 'money' | 'date' | 'timestamp' | 'uuid' | 'inet' | 'bytea' | 'opaque'

export interface ValueType {
  readonly kind: CellKind
  readonly binary: BinaryForm
  /** Of arrays; `kind` and `binary` are then the array's own: `other` and `opaque`. */
  readonly element?: ValueType
  /** `int2vector` and `oidvector`: arrays in binary, in text numbers with a blank between. */
  readonly isVector?: true
  /** pg_class.oid of a row type. */
  readonly relation?: number
  /** How many characters, or bytes, a value may have. */
  readonly fit?: 'varchar' | 'bpchar' | 'name'
}

/** Domains over domains over …; PostgreSQL has no limit, we do. */
const maxBases = 16

const text: ValueType = { kind: 'text', binary: 'text' }
const number = (binary: BinaryForm): ValueType => ({ kind: 'number', binary })
const other = (binary: BinaryForm): ValueType => ({ kind: 'other', binary })
const opaque: ValueType = other('opaque')

const builtIn: ReadonlyMap<number, ValueType> = new Map([
  [16, { kind: 'none', binary: 'bool' }], [17, other('bytea')], [18, { kind: 'none', binary: 'text' }], [19, { ...text, fit: 'name' }],
  [20, number('int')], [21, number('int')], [23, number('int')], [26, number('oid')], [25, text], [705, text], [2275, text], [1790, text],
  [1042, { ...text, fit: 'bpchar' }], [1043, { ...text, fit: 'varchar' }],
  [114, { kind: 'json', binary: 'text' }], [3802, { kind: 'json', binary: 'jsonb' }], [142, { kind: 'markup', binary: 'text' }],
  [700, number('float')], [701, number('float')], [790, number('money')], [1700, number('numeric')],
  [1082, other('date')], [1114, other('timestamp')], [1184, other('timestamp')], [2950, other('uuid')], [869, other('inet')], [650, other('inet')],
  [2278, { kind: 'none', binary: 'opaque' }],
  [22, { ...opaque, element: number('int'), isVector: true }], [30, { ...opaque, element: number('oid'), isVector: true }],
])

/** Built-in arrays: pg_type.typarray of the types above, and of what has no form of its own here. */
const builtInArrays: ReadonlyMap<number, number> = new Map([
  [1000, 16], [1001, 17], [1002, 18], [1003, 19], [1016, 20], [1005, 21], [1007, 23], [1028, 26], [1009, 25], [1263, 2275], [2201, 1790],
  [1014, 1042], [1015, 1043], [199, 114], [3807, 3802], [143, 142], [1021, 700], [1022, 701], [791, 790], [1231, 1700],
  [1182, 1082], [1115, 1114], [1185, 1184], [2951, 2950], [1041, 869], [651, 650],
])

/** Extension types that are text in both formats; their OIDs differ from database to database. */
const textCategory = 'S'

/** @param lookUp the live catalogue's `type`; absent: built-in types only */
export function valueType(oid: number, lookUp?: (oid: number) => DataType | undefined): ValueType {
  let at = oid
  for (let i = 0; i < maxBases; i++) {
    const known = builtIn.get(at)
    if (known !== undefined) return known
    const element = builtInArrays.get(at)
    if (element !== undefined) return { ...opaque, element: valueType(element) }
    const found = lookUp?.(at)
    if (found === undefined) return opaque
    if (found.base !== undefined && found.base !== 0) { at = found.base; continue }
    // A fixed row of elements (point, name) has them too, but no array's form.
    if (found.category === 'A' && found.element !== undefined && found.element !== 0) return { ...opaque, element: valueType(found.element, lookUp) }
    if (found.kind === 'c' && found.relation !== undefined) return { ...opaque, relation: found.relation }
    return found.kind === 'b' && found.category === textCategory ? text : opaque
  }
  return opaque
}
