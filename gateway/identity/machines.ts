// Machine users: jobs and services that prove a password by SCRAM, where a protocol has no room for a token (PostgreSQL).
// The password is in no config and no memory here; governed config names the secret that holds its verifier.
import { createHmac } from 'node:crypto'
import type { Challenge, Principal, TargetName } from '../call.ts'
import type { Governed, MachineConfig } from '../config.ts'
import { refusal, type Refusal } from '../refusal.ts'
import { identitiesOf } from './principal.ts'
import { mockVerifier, parseVerifier, scramExchange, type ScramVerifier } from './scram.ts'

/** Stands where a token's issuer stands: `machine|NAME`. No issuer is called so, since issuers are URLs. */
export const machineIssuer = 'machine'
/** A password does not expire, a connection made with it does: then whoever holds it must prove it again. */
export const machineSessionMs = 24 * 60 * 60_000

/** The part of governed config that concerns machines. */
export interface MachineTrust {
  readonly machines: readonly MachineConfig[]
  readonly offBoarded: readonly string[]
  readonly sponsors: Governed['sponsors']
}

export interface MachinesOptions {
  readonly now: () => number
  /** This node's own: what it answers to names that nobody has is derived from it. */
  readonly nodeSecret: Uint8Array
  /** The text of a named secret. */
  secret(name: string): string
}

export interface Machines {
  /** For one connection. It says nothing about whether anybody has this name. */
  challenge(name: string): Challenge
  /** @param proof of `challenge().final()`; it is spent */
  verify(proof: object, target: TargetName): Principal | Refusal
  /** Asks again whether a machine user that was let in earlier is still welcome. Anybody else: undefined. */
  admit(principal: Principal): Principal | Refusal | undefined
  /** New governed config. @returns names whose verifier is not one: nobody can log in with them */
  trust(trust: MachineTrust): readonly string[]
}

interface Known { readonly config: MachineConfig; readonly verifier: ScramVerifier }

export function createMachines({ now, nodeSecret, secret }: MachinesOptions): Machines {
  let known: ReadonlyMap<string, Known> = new Map()
  let verifiers: readonly ScramVerifier[] = []
  let offBoarded: ReadonlySet<string> = new Set()
  let sponsors: Governed['sponsors'] = {}
  /** Who proved what, by the object that was handed out for it: one that was made elsewhere is in no map. */
  const proofs = new WeakMap<object, { readonly name: string; readonly isProven: boolean }>()

  const verifierOf = (name: string): ScramVerifier => {
    // Always chosen and made, so that a name that is known takes no less time.
    const like = verifiers[createHmac('sha256', nodeSecret).update(`scram like\n${name}`).digest().readUInt32BE(0) % Math.max(1, verifiers.length)]
    const mock = mockVerifier(name, nodeSecret, like)
    return known.get(name)?.verifier ?? mock
  }

  return {
    challenge(name) {
      const exchange = scramExchange(verifierOf(name))
      return {
        first: (message) => exchange.first(message),
        final(message) {
          const final = exchange.final(message)
          if (final === undefined) return undefined
          const proof = Object.freeze({})
          proofs.set(proof, { name, isProven: final.isProven })
          return { serverFinal: final.serverFinal, proof }
        },
      }
    },
    verify(proof, target) {
      const proven = proofs.get(proof)
      proofs.delete(proof)
      const machine = known.get(proven?.name ?? '')
      if (proven?.isProven !== true || machine === undefined) return refusal('identity.token_invalid', 'The password is not valid')
      const principal = principalOf(machine.config, sponsors, now())
      if (!machine.config.targets.includes(target)) return refusal('identity.audience', 'This machine user is not for this target', { subject: principal.id })
      return stillWelcome(principal, offBoarded)
    },
    admit(principal) {
      if (!principal.id.startsWith(`${machineIssuer}|`)) return undefined
      if (!known.has(principal.clientId)) return refusal('identity.off_boarded', undefined, { subject: principal.id })
      return stillWelcome(principal, offBoarded)
    },
    trust(trust) {
      const read = trust.machines.map((config) => ({ config, verifier: parseVerifier(secret(config.verifier)) }))
      known = new Map(read.flatMap(({ config, verifier }) => verifier === undefined ? [] : [[config.name, { config, verifier }]]))
      verifiers = [...known.values()].map(({ verifier }) => verifier)
      offBoarded = new Set(trust.offBoarded)
      sponsors = trust.sponsors
      return read.filter(({ verifier }) => verifier === undefined).map(({ config }) => config.name)
    },
  }
}

function principalOf({ name, groups }: MachineConfig, sponsors: Governed['sponsors'], now: number): Principal {
  const id = [machineIssuer, name].join('|')
  const sponsor = Object.hasOwn(sponsors, id) ? sponsors[id] : undefined
  return { type: 'service', id, clientId: name, groups, acr: '', amr: ['pwd'], claims: {}, ...sponsor === undefined ? {} : { sponsor }, expiresAt: now + machineSessionMs }
}

function stillWelcome(principal: Principal, offBoarded: ReadonlySet<string>): Principal | Refusal {
  if (identitiesOf(principal).some((id) => offBoarded.has(id))) return refusal('identity.off_boarded', undefined, { subject: principal.id })
  return principal
}
