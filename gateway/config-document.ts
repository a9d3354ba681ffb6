// A configuration text becomes a checked document: strict YAML 1.2, then its JSON Schema, every problem with its path, all at once.
// A problem names the place and what was expected there; it never repeats the value, which may be a secret in the wrong field.
import type { AnySchemaObject, ErrorObject } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { parseDocument } from 'yaml'
import { GatewayError } from './errors.ts'

/** A configuration is written by people; anything longer is not one. */
const maxConfigChars = 4 * 1024 * 1024
/** What a person can read at once; the rest shows up on the next check. */
const maxProblems = 100

export interface ConfigProblem {
  /** `targets[2].protocol`; empty for the whole text */
  readonly path: string
  readonly message: string
}

export class ConfigError extends GatewayError {
  readonly problems: readonly ConfigProblem[]
  /** @param file how the operator knows the text: a path or `config.yaml` */
  constructor(file: string, problems: readonly ConfigProblem[]) {
    super('ERR_CONFIG_INVALID', [`${file} is not valid:`, ...problems.map((p) => p.path === '' ? `  ${p.message}` : `  ${p.path}: ${p.message}`)].join('\n'))
    this.name = 'ConfigError'
    this.problems = problems
  }
}

type Validate = ReturnType<Ajv2020['compile']>

/** That our own schemas are schemas is a test's to say: asking at each start takes as long again as all else of it, and so does shortening code that runs once. */
const compiling = { allErrors: true, strict: true, verbose: true, allowUnionTypes: true, meta: false, validateSchema: false, code: { optimize: false } } as const

/**
 * A parser of documents that fit a schema. The schema is compiled at the first document and kept: that takes 50 ms, which nobody's call waits for
 * when a new commit comes into force.
 */
export function createConfigParser(schema: AnySchemaObject): (text: string, file: string) => unknown {
  let validate: Validate | undefined
  return (text, file) => parseConfigDocument(text, file, validate ??= new Ajv2020(compiling).compile(schema))
}

/** A document that fits its schema; cross-checks are the caller's. @throws ConfigError */
function parseConfigDocument(text: string, file: string, validate: Validate): unknown {
  if (text.length > maxConfigChars) throw new ConfigError(file, [{ path: '', message: `longer than ${maxConfigChars} characters` }])
  const document = parseDocument(text, { version: '1.2', schema: 'core', strict: true, uniqueKeys: true, prettyErrors: false })
  const faults = [...document.errors, ...document.warnings]
  if (faults.length > 0) throw new ConfigError(file, faults.slice(0, maxProblems).map((fault) => ({ path: '', message: `line ${lineOf(text, fault.pos[0])}: ${yamlWords(fault.code)}` })))
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 0 })           // an alias can blow a short text up without end
  } catch {
    throw new ConfigError(file, [{ path: '', message: 'aliases are not accepted' }])
  }
  if (!validate(value)) throw new ConfigError(file, distinct((validate.errors ?? []).map(problemOf)).slice(0, maxProblems))
  return value
}

/** Freezes a whole tree: configuration is read once and belongs to nobody who could change it. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) {
    for (const member of Object.values(value)) deepFreeze(member)
    Object.freeze(value)
  }
  return value
}

function problemOf(error: ErrorObject): ConfigProblem {
  const path = pathOf(error.instancePath)
  const params = error.params as Readonly<Record<string, unknown>>
  switch (error.keyword) {
    case 'required': return { path: join(path, String(params['missingProperty'])), message: 'is required' }
    case 'additionalProperties': return { path: join(path, String(params['additionalProperty'])), message: 'unknown key' }
    case 'enum': return { path, message: `expected one of ${(params['allowedValues'] as unknown[]).join(', ')}` }
    case 'type': return { path, message: `expected ${params['type'] === 'object' ? 'a mapping' : params['type'] === 'array' ? 'a list' : params['type'] === 'integer' ? 'a whole number' : `a ${String(params['type'])}`}` }
    case 'pattern': return { path, message: `expected ${descriptionOf(error) ?? 'another form'}` }
    case 'propertyNames': return { path: join(path, String(params['propertyName'])), message: 'is not a name that may stand here' }
    default: return { path, message: error.message ?? error.keyword }
  }
}

function descriptionOf(error: ErrorObject): string | undefined {
  const description: unknown = error.parentSchema?.['description']
  return typeof description === 'string' ? description : undefined
}

/** `/targets/2/protocol` → `targets[2].protocol`. */
function pathOf(pointer: string): string {
  return pointer.split('/').slice(1).map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~')).reduce(join, '')
}

function join(path: string, key: string): string {
  if (/^\d{1,9}$/.test(key)) return `${path}[${key}]`
  const shown = key.length > 80 ? `${key.slice(0, 80)}…` : key
  if (!/^[A-Za-z_$][\w$-]*$/.test(shown)) return `${path}[${JSON.stringify(shown)}]`
  return path === '' ? shown : `${path}.${shown}`
}

function distinct(problems: readonly ConfigProblem[]): ConfigProblem[] {
  const seen = new Map(problems.map((problem) => [`${problem.path}\0${problem.message}`, problem]))
  return [...seen.values()]
}

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length
}

function yamlWords(code: string): string {
  return code === 'DUPLICATE_KEY' ? 'a key stands twice in one mapping' : `not valid YAML (${code.toLowerCase().replaceAll('_', ' ')})`
}
