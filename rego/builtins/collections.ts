// `object.subset`, `numbers.range_step`, `graph.reachable_paths` and OPA's old casts.
import { elementsOf, integerOf, keyOf, membersOf, number } from './operand.ts'
import type { Family, MakerFamily } from './operand.ts'
import type { Spend, Value } from './value.ts'

/** Numbers that one range may have. */
const maxRange = 100_000
/** Nodes of all paths together; there may be exponentially many paths in a small graph. */
const maxPathNodes = 100_000
/** Nodes of one path: each is a step deeper on our own stack. */
const maxPathLength = 1_000

export const collections: Family = [
  ['object.subset', subset],
  ['cast_array', value => { const elements = elementsOf(value); return elements && { array: elements } }],
  ['cast_set', value => { const elements = elementsOf(value); return elements && { set: elements } }],
  ['cast_string', value => typeof value === 'string' ? value : undefined],
  ['cast_boolean', value => typeof value === 'boolean' ? value : undefined],
  ['cast_null', value => value === null ? value : undefined],
  ['cast_object', value => membersOf(value) && value],
  // What a policy says to its author has no reader here.
  ['trace', note => typeof note === 'string' ? true : undefined],
]

/** What answers with more than it was asked with. */
export const growing: MakerFamily = [
  ['numbers.range_step', spend => (first, last, step) => rangeStep(first, last, step, spend)],
  ['graph.reachable_paths', spend => (graph, initial) => reachablePaths(graph, initial, spend)],
]

function subset(whole: Value, part: Value): Value | undefined {
  if (isObject(whole) && isObject(part)) return isPart(whole, part)
  if (isSet(whole) && isSet(part)) return isPart(whole, part)
  if (isArray(whole) && isArray(part)) return isPart(whole, part)
  if (!isArray(whole) || !isSet(part)) return undefined
  const keys = new Set(part.set.map(keyOf))
  // As OPA counts: an element that is there twice stands for two, and an empty array has nothing in it, not even nothing.
  return whole.array.length > 0 && whole.array.filter(element => keys.has(keyOf(element))).length >= keys.size
}

// Members of objects are compared in turn; those of sets and arrays must be equal.
function isPart(whole: Value, part: Value): boolean {
  if (isObject(whole) && isObject(part)) {
    const members = new Map(whole.object.map(([name, member]) => [keyOf(name), member]))
    return part.object.every(([name, member]) => {
      const other = members.get(keyOf(name))
      return other !== undefined && isPart(other, member)
    })
  }
  if (isSet(whole) && isSet(part)) {
    const keys = new Set(whole.set.map(keyOf))
    return part.set.every(element => keys.has(keyOf(element)))
  }
  if (isArray(whole) && isArray(part)) return isRun(whole.array.map(keyOf), part.array.map(keyOf))
  return keyOf(whole) === keyOf(part)
}

// Whether `part` stands in `whole` in one piece, in linear time (Knuth, Morris and Pratt).
function isRun(whole: readonly string[], part: readonly string[]): boolean {
  const borders: number[] = [0]
  for (let at = 1, length = 0; at < part.length; at++) {
    while (length > 0 && part[at] !== part[length]) length = borders[length - 1] ?? 0
    if (part[at] === part[length]) length++
    borders[at] = length
  }
  if (part.length === 0) return true
  let length = 0
  for (const element of whole) {
    while (length > 0 && element !== part[length]) length = borders[length - 1] ?? 0
    if (element === part[length]) length++
    if (length === part.length) return true
  }
  return false
}

function rangeStep(first: Value, last: Value, step: Value, spend: Spend): Value | undefined {
  const [from, to, by] = [integerOf(first), integerOf(last), integerOf(step)]
  if (from === undefined || to === undefined || by === undefined || by <= 0n) return undefined
  const distance = from < to ? to - from : from - to
  if (distance / by >= maxRange) return undefined
  spend(Number(distance / by) * 64)
  const array: Value[] = []
  for (let passed = 0n; passed <= distance; passed += by) array.push(number(from < to ? from + passed : from - passed))
  return { array }
}

function reachablePaths(graph: Value, initial: Value, spend: Spend): Value | undefined {
  const nodes = membersOf(graph)
  const starts = elementsOf(initial)
  if (!nodes || !starts) return undefined
  const edges = new Map(nodes.map(([node, neighbours]) => [keyOf(node), elementsOf(neighbours) ?? []]))
  const paths = new Map<string, Value>()
  let written = 0
  let isTooMuch = false

  const commit = (path: readonly Value[]) => {
    written += path.length + 1
    spend((path.length + 1) * 128)
    if (written > maxPathNodes) isTooMuch = true
    else paths.set(keyOf({ array: path }), { array: [...path] })
  }
  // A path ends at a node without edges, before one that the graph does not have, and before one that it has passed.
  const path: Value[] = []
  const passed = new Set<string>()
  const follow = (node: Value) => {
    const key = keyOf(node)
    const neighbours = edges.get(key)
    if (isTooMuch || path.length >= maxPathLength) { isTooMuch = true; return }
    if (!neighbours) { commit(path); return }
    const isSecond = passed.has(key)
    path.push(node)
    passed.add(key)
    if (neighbours.length === 0) commit(path)
    for (const neighbour of neighbours) {
      if (passed.has(keyOf(neighbour))) commit(path)
      else follow(neighbour)
    }
    path.pop()
    if (!isSecond) passed.delete(key)
  }
  for (const start of starts) {
    const neighbours = edges.get(keyOf(start))
    if (!neighbours) continue
    path.push(start)
    passed.add(keyOf(start))
    if (neighbours.length === 0) commit(path)
    // The first step may lead back to where it began.
    for (const neighbour of neighbours) follow(neighbour)
    path.length = 0
    passed.clear()
  }
  return isTooMuch ? undefined : { set: [...paths.values()] }
}

function isObject(value: Value): value is { readonly object: readonly (readonly [Value, Value])[] } {
  return typeof value === 'object' && value !== null && 'object' in value
}

function isSet(value: Value): value is { readonly set: readonly Value[] } {
  return typeof value === 'object' && value !== null && 'set' in value
}

function isArray(value: Value): value is { readonly array: readonly Value[] } {
  return typeof value === 'object' && value !== null && 'array' in value
}
