// Rego values as they cross between the policy module and a host function: OPA's value text, which unlike JSON knows sets,
// and numbers as their own text, so that nothing is rounded on the way.
export type Value =
  | null
  | boolean
  | string
  | { readonly number: string }
  | { readonly array: readonly Value[] }
  | { readonly set: readonly Value[] }
  | { readonly object: readonly (readonly [Value, Value])[] }

/** A pure function of its arguments. `undefined` makes the calling expression undefined, which is what OPA does with a built-in's error. */
export type Builtin = (...values: Value[]) => Value | undefined

/** Takes steps out of the tank that the whole evaluation runs on (`fuel.ts`): one is a few nanoseconds. An empty tank ends the evaluation. */
export type Spend = (steps: number) => void

/** Makes a built-in function. Called when a policy that names it is loaded, so that what the function stands on is loaded then and not before. */
export type BuiltinMaker = (spend: Spend) => Builtin

// A policy may write `.5`, which JSON may not; the module keeps it so.
const number = /-?(?:0|[1-9][0-9]*|(?=\.))(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y

/** @throws SyntaxError when the module wrote something else than a value */
export function parseValueText(text: string): Value {
  let at = 0
  const value = parse()
  if (at !== text.length) throw new SyntaxError('there is text behind the value')
  return value

  function parse(): Value {
    const head = text[at]
    if (head === '"') return parseString()
    if (head === '[') return { array: parseList(']') }
    if (text.startsWith('set()', at)) { at += 5; return { set: [] } }
    if (head === '{') return parseBraces()
    for (const [word, value] of [['null', null], ['true', true], ['false', false]] as const) {
      if (text.startsWith(word, at)) { at += word.length; return value }
    }
    number.lastIndex = at
    const match = number.exec(text)
    if (!match) throw new SyntaxError('this is no value')
    at = number.lastIndex
    return { number: jsonNumber(match[0]) }
  }

  function parseString(): string {
    const start = at++
    while (text[at] !== '"') {
      if (at >= text.length) throw new SyntaxError('a string does not end')
      at += text[at] === '\\' ? 2 : 1
    }
    at++
    return JSON.parse(text.slice(start, at)) as string
  }

  function parseList(end: string): Value[] {
    const items: Value[] = []
    at++
    skip()
    while (text[at] !== end) {
      items.push(parse())
      separate(end)
    }
    at++
    return items
  }

  // What follows the first member says whether it is a set or an object.
  function parseBraces(): Value {
    at++
    skip()
    if (text[at] === '}') { at++; return { object: [] } }
    const first = parse()
    skip()
    if (text[at] !== ':') {
      separate('}')
      at--
      return { set: [first, ...parseList('}')] }
    }
    const pairs: [Value, Value][] = []
    for (let key = first; ; key = parse()) {
      skip()
      if (text[at++] !== ':') throw new SyntaxError('a key has no value')
      skip()
      pairs.push([key, parse()])
      separate('}')
      if (text[at] === '}') break
    }
    at++
    return { object: pairs }
  }

  function separate(end: string): void {
    skip()
    if (text[at] === ',') at++
    else if (text[at] !== end) throw new SyntaxError('a list does not end')
    skip()
  }

  function skip(): void {
    while (text[at] === ' ') at++
  }
}

/** A number's text as JSON has it. */
export function jsonNumber(text: string): string {
  return text.startsWith('.') || text.startsWith('-.') ? text.replace('.', '0.') : text
}

/** The text that OPA's `opa_value_parse` takes. */
export function writeValueText(value: Value): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return JSON.stringify(value)
  if ('number' in value) return value.number
  if ('array' in value) return `[${value.array.map(writeValueText).join(',')}]`
  if ('set' in value) return value.set.length === 0 ? 'set()' : `{${value.set.map(writeValueText).join(',')}}`
  return `{${value.object.map(([key, member]) => `${writeValueText(key)}:${writeValueText(member)}`).join(',')}}`
}
