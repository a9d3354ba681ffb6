// `regex.find_n`, `regex.replace`, `regex.split` and `regex.template_match`: Go's regexp, which is RE2's language in linear time. The
// engine is re2js, loaded with the first policy that needs it. (`regex.match` and the rest of the family are the module's own.)
import { createRequire } from 'node:module'
import type { RE2JS } from 're2js'
import { intOf } from './operand.ts'
import type { MakerFamily } from './operand.ts'
import type { Builtin, Spend, Value } from './value.ts'

/** Characters of an expression. */
const maxPatternLength = 2_048
/** Instructions times characters that one call may look at: about a tenth of a second, for the worst expressions a whole one. */
const maxWork = 8_388_608
/** Steps of an evaluation for each of them, and for compiling an expression. */
const workPrice = 4
const compilePrice = 200_000
/** Characters of an answer. */
const maxTextLength = 1_048_576
/** Compiled expressions kept by a policy's instance; the one used longest ago goes. */
const maxKept = 64

type Compile = (pattern: string) => RE2JS | undefined

/** Start and end of the match and of each group, in turn; -1: the group took no part. */
type Match = readonly number[]

export const regex: MakerFamily = [
  ['regex.find_n', spend => findN(createCompile(spend), spend)],
  ['regex.replace', spend => replace(createCompile(spend), spend)],
  ['regex.split', spend => split(createCompile(spend), spend)],
  ['regex.template_match', spend => templateMatch(createCompile(spend), spend)],
]

function createCompile(spend: Spend): Compile {
  const engine = (createRequire(import.meta.url)('re2js') as { readonly RE2JS: typeof RE2JS }).RE2JS
  const kept = new Map<string, RE2JS>()
  return pattern => {
    let expression = kept.get(pattern)
    kept.delete(pattern)
    if (!expression) {
      if (pattern.length > maxPatternLength) return undefined
      spend(compilePrice)
      try {
        expression = engine.compile(pattern)
      } catch {
        // What RE2 does not know, or would have to unroll too far.
        return undefined
      }
      for (const [oldest] of kept) if (kept.size >= maxKept) kept.delete(oldest)
    }
    kept.set(pattern, expression)
    return expression
  }
}

/** As Go's `FindAll…`: left to right, none overlapping, and none that is empty right behind another. Undefined: too much work. */
function matchesOf(expression: RE2JS, text: string, limit: number, spend: Spend): readonly Match[] | undefined {
  const found: Match[] = []
  const matcher = expression.matcher(text)
  const size = expression.programSize()
  let work = 0
  let end = -1
  for (let at = 0; found.length < limit && at <= text.length;) {
    const step = size * (text.length - at + 1)
    work += step
    spend(step * workPrice)
    if (work > maxWork) return undefined
    if (!matcher.find(at)) break
    const match = Array.from({ length: matcher.groupCount() + 1 }, (_group, group) => [matcher.start(group), matcher.end(group)]).flat()
    const [start = -1, stop = -1] = match
    const isRepeat = stop === at && start === end
    at = stop === at ? at + ((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1) : stop
    end = stop
    if (!isRepeat) found.push(match)
  }
  return found
}

function findN(compile: Compile, spend: Spend): Builtin {
  return (pattern, text, count) => {
    const n = intOf(count)
    if (typeof pattern !== 'string' || typeof text !== 'string' || n === undefined) return undefined
    const expression = compile(pattern)
    const matches = expression && matchesOf(expression, text, n < 0n ? Infinity : Number(n), spend)
    return matches && { array: matches.map(([start, end]) => text.slice(start, end)) }
  }
}

function split(compile: Compile, spend: Spend): Builtin {
  return (pattern, text) => {
    if (typeof pattern !== 'string' || typeof text !== 'string') return undefined
    const expression = compile(pattern)
    if (!expression) return undefined
    if (pattern !== '' && text === '') return { array: [''] }
    const matches = matchesOf(expression, text, Infinity, spend)
    if (!matches) return undefined
    const array: Value[] = []
    let begin = 0
    let end = 0
    for (const [start = 0, stop = 0] of matches) {
      end = start
      if (stop !== 0) array.push(text.slice(begin, end))
      begin = stop
    }
    if (end !== text.length) array.push(text.slice(begin))
    return { array }
  }
}

function replace(compile: Compile, spend: Spend): Builtin {
  return (text, pattern, replacement) => {
    if (typeof text !== 'string' || typeof pattern !== 'string' || typeof replacement !== 'string') return undefined
    const expression = compile(pattern)
    const matches = expression && matchesOf(expression, text, Infinity, spend)
    if (!expression || !matches) return undefined
    const pieces = readReplacement(replacement)
    const names = expression.namedGroups()
    let replaced = ''
    let end = 0
    for (const match of matches) {
      replaced += text.slice(end, match[0])
      for (const piece of pieces) replaced += typeof piece === 'string' ? piece : groupOf(match, text, piece.name, names)
      if (replaced.length > maxTextLength) return undefined
      end = match[1] ?? end
    }
    return replaced + text.slice(end)
  }
}

/** Go's `Expand`: `$name` takes as many letters as it can, `${name}` what is in it, `$$` is one dollar, any other dollar itself. */
function readReplacement(text: string): readonly (string | { readonly name: string })[] {
  const pieces: (string | { readonly name: string })[] = []
  let end = 0
  for (const reference of text.matchAll(/\$(?:(\$)|([\p{L}\p{Nd}_]+)|\{([\p{L}\p{Nd}_]+)\})/gu)) {
    pieces.push(text.slice(end, reference.index), reference[1] ?? { name: reference[2] ?? reference[3] ?? '' })
    end = reference.index + reference[0].length
  }
  return [...pieces, text.slice(end)]
}

function groupOf(match: Match, text: string, name: string, names: Readonly<Record<string, number>>): string {
  const group = /^(?:0|[1-9][0-9]{0,8})$/.test(name) ? Number(name) : Object.hasOwn(names, name) ? names[name] : undefined
  if (group === undefined) return ''
  const [start, end] = match.slice(group * 2)
  return start === undefined || start < 0 ? '' : text.slice(start, end)
}

/** What stands between the two delimiters is an expression, the rest is itself. */
function templateMatch(compile: Compile, spend: Spend): Builtin {
  return (template, text, open, close) => {
    if (typeof template !== 'string' || typeof text !== 'string' || typeof open !== 'string' || typeof close !== 'string') return undefined
    // Of one byte each.
    if (!/^[\x00-\x7f]$/.test(open) || !/^[\x00-\x7f]$/.test(close)) return undefined
    const pattern = readTemplate(template, open, close, compile)
    const expression = pattern === undefined ? undefined : compile(pattern)
    const work = (expression?.programSize() ?? 0) * (text.length + 1)
    spend(work * workPrice)
    if (!expression || work > maxWork) return undefined
    return expression.matcher(text).find()
  }
}

function readTemplate(template: string, open: string, close: string, compile: Compile): string | undefined {
  let pattern = '^'
  let level = 0
  let start = 0
  let end = 0
  for (let at = 0; at < template.length; at++) {
    if (template[at] === open) {
      level++
      if (level === 1) start = at
    } else if (template[at] === close) {
      level--
      if (level < 0) return undefined
      if (level > 0) continue
      const inner = template.slice(start + 1, at)
      if (!compile(`^${inner}$`)) return undefined
      pattern += `${quoteMeta(template.slice(end, start))}(${inner})`
      end = at + 1
    }
  }
  return level === 0 ? `${pattern}${quoteMeta(template.slice(end))}$` : undefined
}

function quoteMeta(text: string): string {
  return text.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&')
}

