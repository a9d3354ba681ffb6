// Governed configuration: `config.yaml` of the policy repository, under the same review as the Rego beside it.
// Keys are snake_case in YAML. Schema: schema/governed.schema.json.
import { isPlaintextAbroad } from './bootstrap.ts'
import type { ActivationRules, ApproverTemplate, CatalogueEntry, Governed, IdentityProviderConfig, TargetConfig } from './config.ts'
import { ConfigError, createConfigParser, deepFreeze, type ConfigProblem } from './config-document.ts'
import { asksByName, postgresOf, postgresProblems, upstreamTlsOf } from './governed-postgres.ts'
import type { WrittenCalled, WrittenTarget } from './governed-target.ts'
import schema from './schema/governed.schema.json' with { type: 'json' }

/** Asymmetric, no SHA-1: what RFC 9068 issuers sign with by default. */
export const defaultAlgorithms = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'] as const
export const defaultGroupsClaim = 'groups'
/** Seconds by which an identity provider's clock may be off. */
export const defaultClockSkewS = 30
export const defaultTimeoutMs = 30_000
/** Bodies above it are opaque or refused; below it they are parsed. */
export const defaultMaxBodyBytes = 1024 * 1024
export const defaultMaxResultBytes = 64 * 1024 * 1024
export const defaultMaxDepth = 64
/** Seconds that a request waits for a human. */
export const defaultApprovalTtlS = 900
/** An operation nobody declared changes things. */
export const undeclaredEffects = ['write'] as const
/** People who must sign for a commit: whoever wrote it alone is not enough. */
export const defaultActivationQuorum = 2
export const defaultEmergencyQuorum = 1

const parseDocument = createConfigParser(schema)

interface Written {
  readonly identity: readonly { readonly issuer: string; readonly jwks_uri: string; readonly audiences: readonly string[]; readonly algorithms?: readonly string[]; readonly groups_claim?: string; readonly claims?: readonly string[]; readonly clock_skew_s?: number; readonly services?: readonly string[]; readonly agents?: readonly string[]; readonly people_apart?: boolean }[]
  readonly targets: readonly WrittenTarget[]
  readonly approvals?: Readonly<Record<string, { readonly groups: readonly { readonly any_of: readonly string[]; readonly min?: number }[]; readonly ttl_s?: number }>>
  readonly off_boarded?: readonly string[]
  readonly sponsors?: Readonly<Record<string, string>>
  readonly machine_prefix?: string
  readonly machines?: readonly { readonly name: string; readonly verifier: string; readonly groups?: readonly string[]; readonly targets: readonly string[] }[]
  readonly activation?: { readonly quorum?: number; readonly emergency?: { readonly quorum?: number; readonly signers: readonly string[]; readonly review_within_s: number } }
}

/**
 * @param secrets names that the bootstrap file resolves; a target may use no other
 * @throws ConfigError with every problem
 */
export function parseGoverned(text: string, secrets: Iterable<string>, file = 'config.yaml'): Governed {
  const written = parseDocument(text, file) as Written
  const problems = crossCheck(written, new Set(secrets))
  if (problems.length > 0) throw new ConfigError(file, problems)
  return deepFreeze<Governed>({
    identity: written.identity.map((p): IdentityProviderConfig => ({
      issuer: p.issuer, jwksUri: p.jwks_uri, audiences: p.audiences, algorithms: p.algorithms ?? defaultAlgorithms,
      groupsClaim: p.groups_claim ?? defaultGroupsClaim, claims: p.claims ?? [], clockSkewS: p.clock_skew_s ?? defaultClockSkewS, services: p.services ?? [], agents: p.agents ?? [], arePeopleApart: p.people_apart ?? false,
    })),
    targets: written.targets.map((target) => targetOf(target, written.machine_prefix)),
    approvals: Object.fromEntries(Object.entries(written.approvals ?? {}).map(([name, template]): [string, ApproverTemplate] => [name, {
      groups: template.groups.map((group) => ({ anyOf: group.any_of, min: group.min ?? 1 })), ttlS: template.ttl_s ?? defaultApprovalTtlS,
    }])),
    offBoarded: written.off_boarded ?? [],
    sponsors: written.sponsors ?? {},
    machines: (written.machines ?? []).map((machine) => ({ ...machine, groups: machine.groups ?? [] })),
    activation: activationOf(written.activation),
  })
}

function activationOf({ quorum, emergency }: NonNullable<Written['activation']> = {}): ActivationRules {
  return {
    quorum: quorum ?? defaultActivationQuorum,
    ...emergency === undefined ? {} : { emergency: { quorum: emergency.quorum ?? defaultEmergencyQuorum, signers: emergency.signers, reviewWithinS: emergency.review_within_s } },
  }
}

function targetOf(target: WrittenTarget, machinePrefix: string | undefined): TargetConfig {
  const { upstream = nowhere, limits, authzen } = target
  return {
    name: target.name, protocol: target.protocol, prefix: target.prefix, env: target.env,
    upstream: {
      url: upstream.url, timeoutMs: upstream.timeout_ms ?? defaultTimeoutMs, insecureAllowPlaintext: upstream.insecure_allow_plaintext ?? false,
      ...upstream.credential === undefined ? {} : { credential: upstream.credential }, ...upstream.user === undefined ? {} : { user: upstream.user }, ...upstream.tls === undefined ? {} : { tls: upstreamTlsOf(upstream.tls) },
    },
    ...authzen === undefined ? {} : { authzen: { enforcementPoints: authzen.enforcement_points, claims: authzen.claims ?? [] } },
    ...target.protocol === 'postgres' ? { postgres: postgresOf(target.postgres, machinePrefix) } : {},
    labels: target.labels ?? [], durability: target.durability ?? 'strict',
    catalogue: Object.fromEntries(Object.entries(target.catalogue ?? {}).map(([key, entry]): [string, CatalogueEntry] => [key, {
      effects: entry.effects ?? undeclaredEffects, labels: entry.labels ?? [], request: entry.request ?? {}, result: entry.result ?? {}, isOpaque: entry.opaque ?? false,
      ...entry.body === undefined ? {} : { body: entry.body }, ...entry.repeats === undefined ? {} : { repeats: entry.repeats },
    }])),
    limits: { maxBodyBytes: limits?.max_body_bytes ?? defaultMaxBodyBytes, maxResultBytes: limits?.max_result_bytes ?? defaultMaxResultBytes, maxDepth: limits?.max_depth ?? defaultMaxDepth },
  }
}

/** Behind a decision point there is nothing to call. */
const nowhere: NonNullable<WrittenTarget['upstream']> = { url: '' }

function targetProblems(target: WrittenTarget, at: string, secrets: ReadonlySet<string>): ConfigProblem[] {
  const { protocol, upstream, authzen } = target
  if (protocol !== 'authzen') {
    const problems: ConfigProblem[] = authzen === undefined ? [] : [{ path: `${at}.authzen`, message: 'is for protocol authzen alone' }]
    if (upstream === undefined) return [...problems, { path: `${at}.upstream`, message: 'is required' }]
    return [...problems, ...protocol === 'postgres' ? postgresProblems({ ...target, upstream }, at, secrets) : httpProblems({ ...target, upstream }, at)]
  }
  return [
    ...authzen === undefined ? [{ path: `${at}.authzen`, message: 'is required: who may ask' }] : [],
    ...upstream === undefined ? [] : [{ path: `${at}.upstream`, message: 'is for protocols that forward calls' }],
    ...target.postgres === undefined ? [] : [{ path: `${at}.postgres`, message: 'is for protocol postgres alone' }],
  ]
}

/** What a target of HTTP's family must have, and must not. */
function httpProblems({ upstream, postgres }: WrittenCalled, at: string): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  if (!/^https?:/.test(upstream.url)) problems.push({ path: `${at}.upstream.url`, message: 'expected an http or https URL' })
  else if (isPlaintextAbroad(upstream.url) && upstream.insecure_allow_plaintext !== true) problems.push({ path: `${at}.upstream.url`, message: 'expected https off loopback, or insecure_allow_plaintext: true' })
  if (upstream.credential !== undefined && upstream.credential.header === undefined) problems.push({ path: `${at}.upstream.credential.header`, message: 'is required' })
  for (const [path, value] of [['upstream.user', upstream.user], ['upstream.tls', upstream.tls], ['postgres', postgres]] as const) {
    if (value !== undefined) problems.push({ path: `${at}.${path}`, message: 'is for protocol postgres alone' })
  }
  return problems
}

function crossCheck(written: Written, secrets: ReadonlySet<string>): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  const issuers = new Set<string>()
  written.identity.forEach((provider, i) => {
    if (issuers.has(provider.issuer)) problems.push({ path: `identity[${i}].issuer`, message: 'another provider has this issuer' })
    issuers.add(provider.issuer)
    // `issuer|subject` must have one reading; a subject may hold the sign, an issuer not.
    if (provider.issuer.includes('|')) problems.push({ path: `identity[${i}].issuer`, message: 'expected an issuer without |' })
    if (isPlaintextAbroad(provider.issuer)) problems.push({ path: `identity[${i}].issuer`, message: 'expected https off loopback' })
    if (isPlaintextAbroad(provider.jwks_uri)) problems.push({ path: `identity[${i}].jwks_uri`, message: 'expected https off loopback' })
  })
  const names = new Set<string>()
  const prefixes: string[] = []
  written.targets.forEach((target, i) => {
    const at = `targets[${i}]`
    if (names.has(target.name)) problems.push({ path: `${at}.name`, message: 'another target has this name' })
    names.add(target.name)
    // A prefix below another's would let one target's paths reach the other's policy.
    if (prefixes.some((other) => other === target.prefix || other.startsWith(`${target.prefix}/`) || target.prefix.startsWith(`${other}/`))) problems.push({ path: `${at}.prefix`, message: 'overlaps the prefix of another target' })
    prefixes.push(target.prefix)
    if (target.prefix.split('/').some((part) => part === '.' || part === '..' || part === '.well-known')) problems.push({ path: `${at}.prefix`, message: 'expected a path without ., .. or .well-known' })
    problems.push(...targetProblems(target, at, secrets))
    const credential = target.upstream?.credential
    if (credential !== undefined && !secrets.has(credential.secret)) problems.push({ path: `${at}.upstream.credential.secret`, message: 'no secret of this name in the bootstrap file' })
  })
  for (const [name, template] of Object.entries(written.approvals ?? {})) {
    template.groups.forEach((group, g) => {
      if ((group.min ?? 1) > 1 && group.any_of.length === 0) problems.push({ path: `approvals.${name}.groups[${g}].any_of`, message: 'names no group' })
    })
  }
  for (const [workload, sponsor] of Object.entries(written.sponsors ?? {})) {
    if (workload === sponsor) problems.push({ path: `sponsors[${JSON.stringify(workload)}]`, message: 'a workload cannot answer for itself' })
  }
  const emergency = written.activation?.emergency
  if (emergency !== undefined && (emergency.quorum ?? defaultEmergencyQuorum) > emergency.signers.length) problems.push({ path: 'activation.emergency.quorum', message: 'is more than the signers it names' })
  return [...problems, ...machineProblems(written, secrets)]
}

function machineProblems({ machines = [], machine_prefix: prefix, targets }: Written, secrets: ReadonlySet<string>): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  if (prefix === undefined) targets.forEach(({ postgres }, i) => { if (asksByName(postgres)) problems.push({ path: `targets[${i}].postgres.sign_in`, message: 'token and scram together need machine_prefix: who is asked for what' }) })
  const names = new Set<string>()
  machines.forEach((machine, i) => {
    if (names.has(machine.name)) problems.push({ path: `machines[${i}].name`, message: 'another machine has this name' })
    names.add(machine.name)
    // It would be asked for a token, and send its password as one.
    if (prefix !== undefined && !machine.name.startsWith(prefix)) problems.push({ path: `machines[${i}].name`, message: 'does not begin with machine_prefix' })
    if (!secrets.has(machine.verifier)) problems.push({ path: `machines[${i}].verifier`, message: 'no secret of this name in the bootstrap file' })
    machine.targets.forEach((name, t) => {
      if (!targets.some((target) => target.name === name && target.protocol === 'postgres')) problems.push({ path: `machines[${i}].targets[${t}]`, message: 'no postgres target has this name' })
    })
  })
  return problems
}
