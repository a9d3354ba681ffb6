// The part of an input that a policy can read, written as JSON in one pass. It is what the policy is evaluated on, cached or not,
// so a path missing from the manifest can change a decision but never lend one made for another input.
import { PolicyError } from './errors.ts'

/** Input paths an entrypoint can read, as the toolchain's `deps` lists them in the manifest; the empty path is the whole input. */
export type InputPaths = readonly (readonly string[])[]

export interface Pruner {
  /** True when the policy can read what differs on every call (time, sequence, ids): its decisions are never looked up. */
  readonly isVolatile: boolean
  /** True when the policy can read all of it: pruning leaves it as it is. */
  readonly isWhole: boolean
  /** JSON of the input with what no path leads to left out. */
  write(input: object): string
  /** Can the policy read neither what differs on every call, nor anything in these members of the request? */
  isBlindTo(members: readonly string[]): boolean
}

type Node = { readonly isWhole: true } | { readonly isWhole: false; readonly members: readonly Member[] }
interface Member { readonly name: string; readonly prefix: string; readonly node: Node }

const volatile: InputPaths = [['context', 'time'], ['session', 'seq'], ['decision_id']]

export function createPruner(paths: InputPaths): Pruner {
  const root = grow(paths)
  const isVolatile = paths.some(path => volatile.some(other => isPrefix(path, other) || isPrefix(other, path)))
  const readsRequest = paths.some(path => isPrefix(path, ['request']))
  const read = new Set(paths.flatMap(([first, member]) => first === 'request' && member !== undefined ? [member] : []))
  return {
    isVolatile,
    isWhole: root.isWhole,
    write: input => write(root, input),
    isBlindTo: members => !isVolatile && !readsRequest && members.every(member => !read.has(member)),
  }
}

function isPrefix(short: readonly string[], long: readonly string[]): boolean {
  return short.length <= long.length && short.every((name, at) => name === long[at])
}

function grow(paths: InputPaths): Node {
  if (paths.some(path => path.length === 0)) return { isWhole: true }
  const below = new Map<string, string[][]>()
  for (const [name, ...rest] of paths) {
    if (name === undefined) continue
    const branch = below.get(name)
    if (branch) branch.push(rest)
    else below.set(name, [rest])
  }
  const members = [...below].sort(([a], [b]) => (a < b ? -1 : 1))
  return { isWhole: false, members: members.map(([name, rest]) => ({ name, prefix: `${JSON.stringify(name)}:`, node: grow(rest) })) }
}

// Every parent on a path stays: an object stays an object (perhaps empty), anything else stays whole, so that a rule which asks
// whether something is there, or what type it has, gets the same answer.
function write(node: Node, value: unknown): string {
  if (node.isWhole || typeof value !== 'object' || value === null || Array.isArray(value)) return writeWhole(value)
  let text = ''
  for (const member of node.members) {
    if (!Object.hasOwn(value, member.name)) continue
    const below = (value as Record<string, unknown>)[member.name]
    if (below === undefined) continue
    text += `${text === '' ? '' : ','}${member.prefix}${write(member.node, below)}`
  }
  return `{${text}}`
}

function writeWhole(value: unknown): string {
  const text = JSON.stringify(value) as string | undefined
  if (text === undefined) throw new PolicyError('ERR_POLICY_INPUT', 'the input has a value that JSON cannot say')
  return text
}
