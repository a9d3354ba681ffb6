// What a policy repository starts from: the library with its schemas, and the packs that its owner takes. Each pack brings rules, their
// tests and data to begin with, so that all of it passes before a line has been written.
import { readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { shippedFolder } from './folder.ts'

interface Pack {
  readonly title: string
  /** Its folder below `policy/` and its member of `data`. */
  readonly folder: string
  /** The target that its data speak of. */
  readonly target?: string
  /** Below `packs/`, out of the set that this package's own gateway starts with. */
  readonly isApart?: boolean
}

export const packs = {
  mcp: { title: 'tools behind MCP servers', folder: 'mcp', target: 'bank' },
  http: { title: 'routes of HTTP services', folder: 'http', target: 'ledger' },
  pg: { title: 'statements to PostgreSQL databases', folder: 'postgres', target: 'appdb' },
  grpc: { title: 'methods of gRPC services', folder: 'grpc', target: 'core', isApart: true },
  ffiec: { title: 'what bank examiners ask about, across protocols', folder: 'ffiec', isApart: true },
} as const satisfies Readonly<Record<string, Pack>>

export type PackName = keyof typeof packs
export const packNames = Object.keys(packs) as readonly PackName[]

interface Data { readonly targets: Record<string, unknown>; readonly masks: { readonly everywhere: unknown; readonly unread: readonly string[] }; readonly [name: string]: unknown }

/** Of a line of JSON, in characters: what is shorter stays on one. */
const lineLength = 120

/** The files of library and packs by their path in a policy repository. */
export function starterFiles(names: readonly PackName[]): ReadonlyMap<string, string> {
  const chosen: readonly Pack[] = packNames.filter(name => names.includes(name)).map(name => packs[name])
  const files = new Map<string, string>()
  const take = (from: string, below: string) => {
    for (const [name, text] of textsBelow(path.join(from, below))) files.set(`${below}/${name}`, text)
  }
  for (const folder of ['policy/lib', 'policy/baseline', 'schema']) take(shippedFolder, folder)
  for (const { folder, isApart = false } of chosen) {
    const from = isApart ? path.join(shippedFolder, 'packs', folder) : shippedFolder
    take(from, `policy/${folder}`)
    if (isApart) take(from, `data/${folder}`)
  }
  const shipped = JSON.parse(readFileSync(path.join(shippedFolder, 'data/data.json'), 'utf8')) as Data
  for (const { folder, isApart = false } of chosen) if (!isApart) files.set(`data/${folder}/data.json`, writeJson(shipped[folder]))
  files.set('data/data.json', writeJson(common(shipped, chosen)))
  return files
}

/** What no pack owns, without what is about packs that were not taken. */
function common(shipped: Data, chosen: readonly Pack[]): unknown {
  const owned = new Set<string>(packNames.map(name => packs[name].folder))
  const targets = new Set(chosen.map(({ target }) => target))
  return {
    ...Object.fromEntries(Object.entries(shipped).filter(([name]) => !owned.has(name))),
    targets: Object.fromEntries(Object.entries(shipped.targets).filter(([name]) => targets.has(name))),
    masks: { ...shipped.masks, unread: shipped.masks.unread.filter(id => targets.has(id.slice(0, id.indexOf('/')))) },
  }
}

function textsBelow(folder: string): [string, string][] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile()).map(entry => {
    const full = path.join(entry.parentPath, entry.name)
    return [path.relative(folder, full).split(path.sep).join('/'), readFileSync(full, 'utf8')]
  })
}

/** JSON for people: what fits on a line stays on it. */
function writeJson(value: unknown): string {
  return `${write(value, '')}\n`
}

function write(value: unknown, indent: string): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const isList = Array.isArray(value)
  const members = isList ? value.map((item): [string, unknown] => ['', item]) : Object.entries(value).map(([name, member]): [string, unknown] => [`${JSON.stringify(name)}: `, member])
  const [open, close] = isList ? '[]' : '{}'
  if (members.length === 0) return `${open}${close}`
  const inner = `${indent}  `
  const texts = members.map(([name, member]) => `${name}${write(member, inner)}`)
  const line = texts.join(', ')
  if (!line.includes('\n') && indent.length + line.length <= lineLength) return isList ? `[${line}]` : `{ ${line} }`
  return `${open}\n${texts.map(text => `${inner}${text}`).join(',\n')}\n${indent}${close}`
}
