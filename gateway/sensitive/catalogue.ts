// The catalogue's declared fields, compiled: RFC 6901 pointers whose `*` matches one segment, and bare names at any depth.
import { GatewayError } from '../errors.ts'

/** One step of all pointers at once. */
export interface FieldNode {
  readonly children: Map<string, FieldNode>
  /** `*` */
  any: FieldNode | undefined
  /** Class of the field that ends here. */
  class: string | undefined
}

export interface Fields {
  readonly root: FieldNode
  /** Lower-case name → class. */
  readonly names: ReadonlyMap<string, string>
  readonly isEmpty: boolean
}

const MAX_POINTER_SEGMENTS = 64
/** What may stand for a class in a projection: the closed alphabet of `⟦class:token⟧`. */
const CLASS = /^[A-Za-z][A-Za-z0-9_.-]{0,47}$/

/** @throws GatewayError `ERR_CONFIG_INVALID` naming the pointer that is malformed */
export function compileFields(declared: Readonly<Record<string, string>>): Fields {
  const root = fieldNode()
  const names = new Map<string, string>()
  for (const [field, name] of Object.entries(declared)) {
    if (!CLASS.test(name)) throw new GatewayError('ERR_CONFIG_INVALID', `catalogue: the class of ${field} is not letters, digits, "_", "." or "-"`)
    if (!field.startsWith('/')) {
      if (field === '') throw new GatewayError('ERR_CONFIG_INVALID', 'catalogue: a field has no name')
      names.set(field.toLowerCase(), name)
      continue
    }
    const segments = parsePointer(field)
    if (segments === undefined) throw new GatewayError('ERR_CONFIG_INVALID', `catalogue: ${field} is not an RFC 6901 pointer`)
    addField(root, segments, name)
  }
  return { root, names, isEmpty: names.size === 0 && root.any === undefined && root.children.size === 0 }
}

export function fieldNode(): FieldNode {
  return { children: new Map(), any: undefined, class: undefined }
}

export function addField(root: FieldNode, segments: readonly string[], name: string): void {
  let node = root
  for (const segment of segments) {
    let next = segment === '*' ? node.any : node.children.get(segment)
    if (next === undefined) {
      next = fieldNode()
      if (segment === '*') node.any = next
      else node.children.set(segment, next)
    }
    node = next
  }
  node.class = name
}

/** Segments of an RFC 6901 pointer, unescaped; undefined when it is none. */
export function parsePointer(pointer: string): readonly string[] | undefined {
  if (pointer === '') return []
  if (!pointer.startsWith('/') || /~(?![01])/.test(pointer)) return undefined
  const segments = pointer.slice(1).split('/').map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
  return segments.length > MAX_POINTER_SEGMENTS ? undefined : segments
}

export function escapeSegment(segment: string): string {
  return segment.includes('~') || segment.includes('/') ? segment.replaceAll('~', '~0').replaceAll('/', '~1') : segment
}

/** Where the walk stands in the pointers: all nodes that match the path so far. */
export type FieldNodes = readonly FieldNode[]
const none: FieldNodes = Object.freeze([])

export function stepInto(nodes: FieldNodes, segment: string): FieldNodes {
  if (nodes.length === 0) return none
  let next: FieldNode[] | undefined
  for (const node of nodes) {
    const exact = node.children.get(segment)
    if (exact !== undefined) (next ??= []).push(exact)
    if (node.any !== undefined) (next ??= []).push(node.any)
  }
  return next ?? none
}

export function classOf(nodes: FieldNodes): string | undefined {
  for (const node of nodes) if (node.class !== undefined) return node.class
  return undefined
}
