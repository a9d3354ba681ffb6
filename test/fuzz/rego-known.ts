// Where the host and OPA's evaluator differ, and why it stays so. The module's own functions are OPA's wasm library, compiled into every
// policy: what they answer is not ours to change.
import type { Value } from '../../rego/builtins/value.ts'

export function known({ name, values }: { readonly name: string; readonly values: readonly Value[] }, ours: string | undefined, theirs: string | undefined): string | undefined {
  if (name.startsWith('yaml.') && name !== 'yaml.marshal') return 'what is YAML at all is the word of the yaml package, which reads tabs, directives and tags in another way'
  if (name === 'yaml.marshal' && ours === undefined) return 'a name that Go would write on lines of its own'
  if (name === 'time.format' && ours === undefined) return 'an abbreviation of a zone that the runtime does not know'
  if (name === 'strings.render_template' && ours === undefined) return 'a template with what is not ported'
  if (name === 'regex.globs_match' && ours === undefined && values.some(value => typeof value === 'string' && value.length > 256)) return 'a glob longer than the host takes'
  if (name === 'sprintf' && ours === undefined) return 'a layout that is not ported'
  if (name.startsWith('units.') && ours === undefined && values.some(value => typeof value === 'string' && /[eE][+-]?[0-9]{4,}/.test(value))) return 'an amount of more digits than the host takes'
  if (name === 'time.add_date' && ours === undefined && values.some(value => typeof value === 'object' && value !== null && 'number' in value && value.number.length >= 18)) return 'years, months or days whose sum wraps around in Go'
  return native(name, values, ours, theirs)
}

function native(name: string, values: readonly Value[], ours: string | undefined, theirs: string | undefined): string | undefined {
  if (/^(?:div|round|floor|ceil|abs|mul|plus|minus|sum|product)$/.test(name)) return 'wasm: decimal arithmetic, where OPA has binary floats'
  if (ours === undefined && values.some(value => typeof value === 'object' && value !== null && 'number' in value && /[.eE]/.test(value.number))) return 'wasm: 1.0 is no integer'
  if (name === 'object.union_n') return 'wasm: the union of no objects is undefined'
  if (name === 'substring' || name === 'regex.find_all_string_submatch_n') return 'wasm: positions and counts beyond 32 bits'
  if (name === 'json.remove' || name === 'json.filter') return 'wasm: an empty path traps'
  if (name.startsWith('base64')) return 'wasm: base64 is read leniently'
  if (name === 'json.marshal') return 'wasm: json.marshal does not escape <, > and &, and writes sets in no order'
  if (name === 'json.unmarshal' || name === 'json.is_valid') return 'wasm: json.unmarshal stops behind a number'
  if (/^(?:regex|glob|net)\./.test(name) && ours?.endsWith('reads no text with a NUL in it') === true) return 'wasm: an expression, glob or address with a NUL ends the evaluation'
  if (name === 'indexof') return 'wasm: nothing is found in a text at 0'
  if (/^bits\./.test(name) && ours?.startsWith('gave up') !== true && theirs !== ours) return 'wasm: bits of numbers that 64 bits do not hold'
  return undefined
}
