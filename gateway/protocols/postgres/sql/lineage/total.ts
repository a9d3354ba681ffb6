// What gives an answer for every value, and soon: PostgreSQL's own operators, functions and casts (15 to 18) that fail by no value, or whose failing nobody can aim.
// Whatever is not here may fail. Of what pg_proc calls `proleakproof` nearly all compares or widens: those are here by operator, and by cast.
// Left out of account are results beyond the server's 1 GB, which any of these may come to with a partner that is long enough.

/** LIKE is not here: it fails at a pattern's last `\`, if it comes so far. */
const operators = new Set(['=', '<>', '<', '<=', '>', '>=', '||', '->', '->>', '#>', '#>>', 'BETWEEN', 'NOT BETWEEN', 'BETWEEN SYMMETRIC', 'NOT BETWEEN SYMMETRIC'])

/** Whatever they are given, made of whatever. */
const anywhere = new Set([
  'lower', 'upper', 'initcap', 'reverse', 'left', 'right', 'btrim', 'ltrim', 'rtrim', 'replace', 'translate', 'strpos', 'position', 'starts_with', 'text', 'md5', 'sha224', 'sha256', 'sha384', 'sha512',
  'char_length', 'character_length', 'octet_length', 'bit_length', 'concat', 'concat_ws', 'quote_ident', 'quote_literal', 'quote_nullable', 'hashtext', 'hashtextextended', 'sign',
  'count', 'any_value', 'bool_and', 'bool_or', 'every', 'string_agg', 'first_value', 'last_value', 'row_number', 'rank', 'dense_rank', 'percent_rank', 'cume_dist', 'mode',
  'to_json', 'row_to_json', 'array_to_json', 'json_agg', 'json_build_array', 'json_typeof', 'jsonb_typeof', 'jsonb_pretty', 'jsonb_strip_nulls', 'jsonb_extract_path', 'jsonb_extract_path_text',
  'array_to_string', 'array_length', 'cardinality', 'num_nulls', 'num_nonnulls', 'pg_typeof', 'pg_column_size',
])

/** The same, given a value at these places; at the others NULL, a place or an encoding that is none fails. */
const places: ReadonlyMap<string, readonly number[]> = new Map([['lag', [0, 2]], ['lead', [0, 2]], ['nth_value', [0]], ['json_object_agg', [1]]])

/** Of a column's stored values alone, at these places: at the ends of their types they fail, and a unit that is none fails for all but NULL. Both may be aimed by COALESCE and NULLIF, and a sum by an addend. */
const stored: ReadonlyMap<string, readonly number[]> = new Map([
  ['sum', [0]], ['avg', [0]], ['stddev', [0]], ['stddev_pop', [0]], ['stddev_samp', [0]], ['variance', [0]], ['var_pop', [0]], ['var_samp', [0]],
  ['abs', [0]], ['ceil', [0]], ['ceiling', [0]], ['floor', [0]], ['round', [0]], ['trunc', [0]],
  ['age', [0, 1]], ['date_trunc', [1]], ['date_part', [1]], ['extract', [1]], ['timezone', [1]], ['to_char', [0]], ['pg_options_to_table', [0]],
])

/** A constant of the text; undefined for anything else. */
export type ConstantAt = (at: number) => number | string | undefined

interface Bounds { readonly places: readonly number[]; readonly isRight: (constantAt: ConstantAt, count: number) => boolean }
const isFrom = (least: number, value: number | string | undefined): boolean => typeof value === 'number' && value >= least
const cut: Bounds = { places: [0], isRight: (constantAt, count) => typeof constantAt(1) === 'number' && (count < 3 || isFrom(0, constantAt(2))) }
const padded: Bounds = { places: [0], isRight: (constantAt) => isFrom(0, constantAt(1)) && Number(constantAt(1)) <= maxPadded }
/** Of stored values, or with constants that are right: by a wrong one they fail for all but NULL. */
const bounded: ReadonlyMap<string, Bounds> = new Map([
  ['substr', cut], ['substring', cut], ['lpad', padded], ['rpad', padded],
  ['split_part', { places: [0, 1], isRight: (constantAt: ConstantAt) => isFrom(1, constantAt(2)) }], ['encode', { places: [0], isRight: (constantAt: ConstantAt) => encodings.has(String(constantAt(1))) }],
])
const maxPadded = 10_000
const encodings = new Set(['hex', 'base64', 'escape'])

/** `\u0000` of a JSON text fails when it is read. */
const reading = new Set(['to_jsonb', 'jsonb_agg', 'jsonb_build_array', 'jsonb_object_agg', 'json_extract_path', 'json_extract_path_text', 'json_strip_nulls'])
/** Of keys and values in turn: NULL for a key fails. */
const keyed = new Set(['json_build_object', 'jsonb_build_object'])

/** Of a stored json: it fails for one that somebody put there, behind whatever is looked at first. */
const documentOperators = new Set(['->', '->>', '#>', '#>>'])
export const mayReadText = (name: string, type: number | undefined): boolean => (documentOperators.has(name) || reading.has(name)) && (type === undefined || type === oid.json)

export const isTotalOperator = (name: string): boolean => operators.has(name)
/** Whatever any argument is. */
export const isTotalFunction = (name: string): boolean => anywhere.has(name)

/** Of an extension, in native code. With a dictionary before the text it fails for one that is none. */
export const isTotalNative = (name: string, count: number): boolean => name === 'unaccent' && count === 1

/** What is known of one argument. `type`: of the column whose stored values it is; `isBuilt`: put together of other values. */
export interface Argument { readonly type: number | undefined; readonly isArray: boolean; readonly isBuilt: boolean; readonly isRow: boolean }

/** May what feeds this argument make the function fail? */
export function failsBy(name: string, at: number, { type, isArray, isBuilt, isRow }: Argument, constantAt: ConstantAt, count: number): boolean {
  // Rows are compared column by column, as far as they are equal: one of a type that cannot be compared may come last.
  if (name === 'min' || name === 'max') return isRow || isBuilt
  if (keyed.has(name)) return at % 2 === 0 || isBuilt && name.startsWith('jsonb')
  if (name === 'jsonb_object_agg' && at === 0) return true
  if (reading.has(name)) return isBuilt || at > 0 && name.startsWith('json_')
  // Arrays of one array have to be of one size.
  if (name === 'array_agg') return isArray || isBuilt
  // length(bytea, encoding) reads the bytes.
  if (name === 'length') return count > 1
  if (name === 'to_char' && type !== undefined && !formatted.has(type)) return true
  const bounds = bounded.get(name)
  if (bounds !== undefined) return !bounds.places.includes(at) || type === undefined && !bounds.isRight(constantAt, count)
  return places.get(name)?.includes(at) !== true && !(type !== undefined && stored.get(name)?.includes(at) === true)
}

// OIDs are pinned (pg_type.dat).
const oid = { bool: 16, name: 19, int8: 20, int2: 21, int4: 23, text: 25, json: 114, float4: 700, float8: 701, bpchar: 1042, varchar: 1043, date: 1082, timestamp: 1114, timestamptz: 1184, numeric: 1700, jsonb: 3802 }

/** Of others a format's `V` makes more than their type holds. */
const formatted = new Set([oid.date, oid.timestamp, oid.timestamptz, oid.numeric])

/** Anything can be written, and is cut where it is too long. */
const written = new Set([oid.text, oid.varchar, oid.bpchar, oid.name])
const widened: ReadonlyMap<number, readonly number[]> = new Map([
  [oid.int2, [oid.int4, oid.int8, oid.numeric, oid.float4, oid.float8]], [oid.int4, [oid.int8, oid.numeric, oid.float4, oid.float8]], [oid.int8, [oid.numeric, oid.float4, oid.float8]],
  [oid.float4, [oid.float8]], [oid.bool, [oid.int4]], [oid.date, [oid.timestamp, oid.timestamptz]], [oid.timestamp, [oid.date, oid.timestamptz]], [oid.timestamptz, [oid.date, oid.timestamp]],
])

export const isWritten = (to: number): boolean => written.has(to)
export const isDocument = (type: number): boolean => type === oid.json || type === oid.jsonb
/** Of a column's stored values. @param isCut a length, a precision */
export const isTotalCast = (from: number, to: number, isCut: boolean): boolean => !isCut && (from === to || widened.get(from)?.includes(to) === true)
