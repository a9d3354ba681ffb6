// Which catalogue entry a path belongs to. Patterns look like `GET /customers/{id}`; a literal segment beats a parameter.
import type { CatalogueEntry } from '../../config.ts'

interface Branch {
  readonly literals: Map<string, Branch>
  /** At most one parameter name per place: the pattern that came first names it. */
  parameter: { readonly name: string; readonly branch: Branch } | undefined
  key: string | undefined
}

/** Where the same pattern lies under the spelling that lenient servers fold to: lower case, no slash at the end. */
const folded = ' folded'

export interface Matched { readonly key: string; readonly parameters: Readonly<Record<string, string>> }
export type Routes = ReadonlyMap<string, Branch>

export function compileRoutes(catalogue: Readonly<Record<string, CatalogueEntry>>): Routes {
  const routes = new Map<string, Branch>()
  for (const key of Object.keys(catalogue)) {
    const [method = '', path = ''] = key.split(' ', 2)
    const segments = path.split('/').slice(1)
    plant(routes, method, segments, key)
    plant(routes, method + folded, fold(segments), key)
  }
  return routes
}

/** True for a path that is no route as it is spelled, and one to a server that minds neither case nor a slash at the end. */
export function isNearMiss(routes: Routes, method: string, segments: readonly string[]): boolean {
  return matchRoute(routes, method + folded, fold(segments)) !== undefined
}

function fold(segments: readonly string[]): string[] {
  const lower = segments.map((segment) => segment.startsWith('{') ? segment : segment.normalize('NFKC').toLowerCase().trim())
  return lower.length > 1 && lower.at(-1) === '' ? lower.slice(0, -1) : lower
}

function plant(routes: Map<string, Branch>, method: string, segments: readonly string[], key: string): void {
  let branch = routes.get(method)
  if (branch === undefined) routes.set(method, branch = empty())
  for (const segment of segments) branch = grow(branch, segment)
  branch.key = key
}

/** `segments` are decoded; the empty list is `/`. */
export function matchRoute(routes: Routes, method: string, segments: readonly string[]): Matched | undefined {
  const root = routes.get(method)
  if (root === undefined) return undefined
  const parameters: [string, string][] = []
  const key = descend(root, segments.length === 0 ? [''] : segments, 0, parameters)
  return key === undefined ? undefined : { key, parameters: Object.fromEntries(parameters) }
}

/** Tries the literal before the parameter at each segment; as deep as the catalogue's longest pattern. */
function descend(branch: Branch, segments: readonly string[], at: number, parameters: [string, string][]): string | undefined {
  const segment = segments[at]
  if (segment === undefined) return branch.key
  const literal = branch.literals.get(segment)
  if (literal !== undefined) {
    const key = descend(literal, segments, at + 1, parameters)
    if (key !== undefined) return key
  }
  if (branch.parameter === undefined || segment === '') return undefined
  parameters.push([branch.parameter.name, segment])
  const key = descend(branch.parameter.branch, segments, at + 1, parameters)
  if (key === undefined) parameters.pop()
  return key
}

function grow(branch: Branch, segment: string): Branch {
  if (segment.startsWith('{') && segment.endsWith('}')) {
    branch.parameter ??= { name: segment.slice(1, -1), branch: empty() }
    return branch.parameter.branch
  }
  let next = branch.literals.get(segment)
  if (next === undefined) branch.literals.set(segment, next = empty())
  return next
}

function empty(): Branch {
  return { literals: new Map(), parameter: undefined, key: undefined }
}
