// Reading libpg-query's JSON parse trees: `{ Tag: body }` where the grammar says Node, bare bodies where it says a type.

export type Body = { readonly [key: string]: unknown }
export interface Tagged { readonly tag: string; readonly body: Body }

const isObject = (value: unknown): value is Body => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The tag and body of a wrapped node; undefined for anything else. Field names are lower case, tags are not. */
export function tagged(node: unknown): Tagged | undefined {
  if (!isObject(node)) return undefined
  for (const tag in node) {
    const first = tag.charCodeAt(0)
    const body = node[tag]
    return first >= 65 && first <= 90 && isObject(body) ? { tag, body } : undefined
  }
  return undefined
}

export const bodyOf = (node: unknown, tag: string): Body | undefined => {
  const found = tagged(node)
  return found?.tag === tag ? found.body : undefined
}
export const bodyAt = (body: Body, key: string): Body | undefined => {
  const value = body[key]
  return isObject(value) ? value : undefined
}
export const listAt = (body: Body, key: string): readonly unknown[] => {
  const value = body[key]
  return Array.isArray(value) ? value : []
}
export const textAt = (body: Body, key: string): string | undefined => {
  const value = body[key]
  return typeof value === 'string' ? value : undefined
}
export const numberAt = (body: Body, key: string): number | undefined => {
  const value = body[key]
  return typeof value === 'number' ? value : undefined
}
export const isTrueAt = (body: Body, key: string): boolean => body[key] === true

/** The text of a String node; an empty one is printed without its field. */
export const stringOf = (node: unknown): string | undefined => {
  const body = bodyOf(node, 'String')
  return body === undefined ? undefined : textAt(body, 'sval') ?? ''
}
export const stringsOf = (nodes: readonly unknown[]): readonly string[] => nodes.flatMap((node) => stringOf(node) ?? [])
export const itemsOf = (node: unknown): readonly unknown[] | undefined => {
  const body = bodyOf(node, 'List')
  return body === undefined ? undefined : listAt(body, 'items')
}

/** A dotted name's last part and the schema before it; a database name in front is the current one or an error of the server's. */
export function qualifiedName(nodes: readonly unknown[]): { readonly schema: string | undefined; readonly name: string } {
  const parts = stringsOf(nodes)
  return { schema: parts.at(-2), name: parts.at(-1) ?? '' }
}

/** The wrapped nodes directly below a body, through bare bodies and lists. */
export function childrenOf(body: Body): unknown[] {
  const found: unknown[] = []
  const pending: unknown[] = [body]
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (Array.isArray(value)) for (let at = value.length - 1; at >= 0; at--) pending.push(value[at])
    else if (isObject(value)) {
      if (value !== body && tagged(value) !== undefined) found.push(value)
      else pending.push(...Object.values(value).filter((each) => typeof each === 'object' && each !== null).reverse())
    }
  }
  return found
}

/** Calls `visit` with every object of a tree, without recursion: hostile depth costs memory only. Runs over every statement, so it makes no object of its own. */
export function walk(root: unknown, visit: (body: Body, tag: string | undefined) => void): void {
  const values: unknown[] = [root]
  const tags: (string | undefined)[] = [undefined]
  while (values.length > 0) {
    const value = values.pop()
    const tag = tags.pop()
    if (Array.isArray(value)) {
      for (const each of value) {
        values.push(each)
        tags.push(undefined)
      }
    } else if (isObject(value)) {
      visit(value, tag)
      // No node is below a constant, and its value is the caller's (alike.ts).
      if (tag === 'A_Const') continue
      for (const key in value) {
        const each = value[key]
        if (typeof each !== 'object' || each === null) continue
        const first = key.charCodeAt(0)
        values.push(each)
        tags.push(first >= 65 && first <= 90 ? key : undefined)
      }
    }
  }
}
