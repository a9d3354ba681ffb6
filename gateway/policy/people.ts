// How many people stand behind some keys. A person may have several keys and several names; whatever shares a key or a name is one person.
import type { AllowedSigner } from './allowed-signers.ts'

export interface Person {
  /** As the record names them: the first name of their first line. */
  readonly name: string
  readonly names: ReadonlySet<string>
  /** As blobs, and as points on the curve. */
  readonly keys: ReadonlySet<string>
}

/**
 * Everybody on a list. Lines whose time has passed join names and keys, too: an old key that two names shared still says that they are one.
 * @param signers all lines, in their order
 */
export function peopleOf(signers: readonly AllowedSigner[]): readonly Person[] {
  let people: { name: string; names: Set<string>; keys: Set<string> }[] = []
  for (const signer of signers) {
    const names = signer.names.map(folded)
    const isOne = ({ names: known, keys }: { names: Set<string>; keys: Set<string> }) => keys.has(signer.point) || names.some((name) => known.has(name))
    const [first, ...others] = people.filter(isOne)
    const merged = first ?? { name: signer.name, names: new Set<string>(), keys: new Set<string>() }
    for (const one of [{ names, keys: [signer.key, signer.point] }, ...others]) {
      for (const name of one.names) merged.names.add(name)
      for (const key of one.keys) merged.keys.add(key)
    }
    people = people.filter((one) => !others.includes(one))
    if (first === undefined) people.push(merged)
  }
  return people
}

/** Those of `people` who hold one of `keys`, each once. */
export function holders(people: readonly Person[], keys: readonly string[]): readonly Person[] {
  return people.filter((person) => keys.some((key) => person.keys.has(key)))
}

/** Whether a person is listed under one of these names. */
export function isNamed(person: Person, names: readonly string[]): boolean {
  return names.some((name) => person.names.has(folded(name)))
}

/** `Eli@Bank.example` and `eli@bank.example` are one mailbox. */
function folded(name: string): string {
  return name.normalize('NFKC').toLowerCase()
}
