// Which part of `data` a bundle owns (OPA documentation, "Bundle file format", roots): what stands outside of it is not the bundle's to say.
import { PolicyError } from './errors.ts'

/** A path in `data` as its segments; none of them: all of it. */
export type Roots = readonly (readonly string[])[]

const maxRoots = 64

/** @throws PolicyError `ERR_BUNDLE_MALFORMED` */
export function readRoots(value: unknown): Roots {
  // OPA's default: everything.
  if (value === undefined) return [[]]
  if (!Array.isArray(value) || value.length === 0 || value.length > maxRoots) throw malformed('roots is not a list')
  const roots = value.map((root: unknown) => {
    if (typeof root !== 'string') throw malformed('roots has an item that is not text')
    const segments = root === '' ? [] : root.split('/')
    if (segments.includes('')) throw malformed('roots has a path with an empty segment')
    return segments
  })
  if (roots.some((one, at) => roots.slice(at + 1).some(other => isBelow(one, other) || isBelow(other, one)))) throw malformed('two of its roots overlap')
  return roots
}

/** @throws PolicyError `ERR_BUNDLE_MALFORMED` where the data or an entrypoint is outside of the roots */
export function checkRoots(roots: Roots, data: Readonly<Record<string, unknown>>, entrypoints: Iterable<string>): void {
  for (const entrypoint of entrypoints) {
    if (!roots.some(root => isBelow(entrypoint.split('/'), root))) throw malformed(`its roots do not own entrypoint ${entrypoint}`)
  }
  checkValue(roots, data)
}

// `roots` are those still to come below this value, each cut to what is left of its path.
function checkValue(roots: Roots, value: unknown): void {
  if (roots.some(root => root.length === 0)) return
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed('its roots do not own all of data.json')
  for (const [name, member] of Object.entries(value)) {
    const below = roots.filter(([first]) => first === name).map(root => root.slice(1))
    if (below.length === 0) throw malformed('its roots do not own all of data.json')
    checkValue(below, member)
  }
}

function isBelow(path: readonly string[], root: readonly string[]): boolean {
  return root.every((segment, at) => path[at] === segment)
}

function malformed(why: string): PolicyError {
  return new PolicyError('ERR_BUNDLE_MALFORMED', `the bundle is malformed: ${why}`)
}
