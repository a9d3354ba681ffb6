// How the parser's JSON is read: objects of unknown shape, taken apart without trust.

export type Node = { readonly [name: string]: unknown }

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** `{String: {sval}}` items as names; an empty name is left out of the JSON. */
export function namesOf(list: unknown): string[] {
  if (!Array.isArray(list)) return []
  return list.flatMap((item: unknown) => {
    const text = isNode(item) ? item['String'] : undefined
    return isNode(text) ? [typeof text['sval'] === 'string' ? text['sval'] : ''] : []
  })
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** The one node of `{ SelectStmt: … }`. */
export function onlyNode(value: unknown): readonly [string, Node] | undefined {
  if (!isNode(value)) return undefined
  for (const name in value) {
    const body = value[name]
    return isNode(body) ? [name, body] : undefined
  }
  return undefined
}

/** Option `name` of a list of DefElem; `true` where it has no value. */
export function optionOf(options: unknown, name: string): unknown {
  if (!Array.isArray(options)) return undefined
  return optionsOf(options, name)[0]
}

/** Each time it is given. */
export function optionsOf(options: unknown, name: string): unknown[] {
  if (!Array.isArray(options)) return []
  return options.flatMap((item: unknown) => {
    const option = isNode(item) && isNode(item['DefElem']) ? item['DefElem'] : undefined
    return option?.['defname'] === name ? [option['arg'] ?? true] : []
  })
}

/** As defGetBoolean reads an option: absent value, `true`, `on` and 1 are true. */
export function isOn(argument: unknown): boolean {
  if (argument === undefined) return false
  if (argument === true) return true
  const body = onlyNode(argument)?.[1]
  if (body === undefined) return true
  const value = body['sval'] ?? body['ival'] ?? body['boolval'] ?? 0
  return !(value === 0 || value === false || (typeof value === 'string' && ['false', 'off', '0'].includes(value.toLowerCase())))
}
