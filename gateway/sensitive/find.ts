// Finds sensitive values in text. Every detector is linear: bounded look-behind, bounded windows, no nested repetition, and it runs
// only where `anchors.ts` saw something for it to stand on.
import { findAnchors } from './anchors.ts'
import type { Anchors } from './anchors.ts'
import { snakeCase } from './context.ts'
import { findAddresses } from './detectors/address.ts'
import { findAccounts, findIbans, findRoutingNumbers } from './detectors/bank.ts'
import { findCards } from './detectors/card.ts'
import { findBirthDates, findEmails, findPhones } from './detectors/person.ts'
import { findHintedSecret, findNamedSecrets, findPrivateKeys, findTokens, findUrlPasswords } from './detectors/secret.ts'
import { findTaxNumbers } from './detectors/tax.ts'
import { detectedClasses, resolveOverlaps } from './finding.ts'
import type { Finding, Search } from './finding.ts'
import { fold, unfold } from './fold.ts'

/** Nothing shorter is a finding: `1.1.1.1`, `a@b.co`; a password under a telling name may be four. */
const MIN_CHARS = 4
const PEM_BEGIN = '-----BEGIN '

const nothing: readonly Finding[] = Object.freeze([])
const everyClass: ReadonlySet<string> = new Set(detectedClasses)

/**
 * @param member name of the JSON member (or header, column) that holds the text; '' where there is none
 * @param classes what to look for
 * @returns spans in order, none overlapping
 */
export function findSensitive(text: string, member = '', classes: ReadonlySet<string> = everyClass): readonly Finding[] {
  if (text.length < MIN_CHARS) return nothing
  const anchors = findAnchors(text, false)
  if (anchors !== undefined) return search(text, member, classes, anchors)
  const folded = fold(text)
  const found = search(folded.text, member, classes, findAnchors(folded.text, true) as Anchors)
  return found.length === 0 ? nothing : found.map((finding) => unfold(finding, folded))
}

function search(text: string, member: string, classes: ReadonlySet<string>, anchors: Anchors): readonly Finding[] {
  const { cluster, dots, colons, hasToken, hasAt, hasPlus, hasDash, hasAssignment } = anchors
  const isTelling = member.length > 2 && TELLING.test(member)
  const hasAddress = (dots >= 3 || colons >= 2) && cluster > 0
  if (cluster < 4 && !hasToken && !hasAt && !hasAssignment && !hasAddress && !isTelling && !hasDash) return nothing
  const found: Finding[] = []
  const search: Search = { text, hint: member === '' ? '' : snakeCase(member), found }
  if (classes.has('SECRET')) {
    if (isTelling) findHintedSecret(search)
    if (hasToken) findTokens(search)
    if (hasAssignment) findNamedSecrets(search)
    if (hasAt && colons > 0) findUrlPasswords(search)
    if (hasDash && text.includes(PEM_BEGIN)) findPrivateKeys(search)
  }
  if (hasAt && classes.has('EMAIL')) findEmails(search)
  if (cluster >= 7 && classes.has('IBAN')) findIbans(search)
  if (cluster >= 9) {
    if (cluster >= 13 && classes.has('PAN')) findCards(search)
    if (classes.has('US_SSN')) findTaxNumbers(search)
    if (classes.has('US_ROUTING')) findRoutingNumbers(search)
  }
  if ((cluster >= 10 || (hasPlus && cluster >= 7)) && classes.has('PHONE')) findPhones(search)
  if (cluster >= 6 && classes.has('US_ACCOUNT')) findAccounts(search)
  if (cluster >= 4 && classes.has('DOB')) findBirthDates(search)
  if (hasAddress && classes.has('IP')) findAddresses(search)
  return found.length === 0 ? nothing : resolveOverlaps(found)
}

/** A member's name alone can make its value sensitive. A coarse first look; the detector looks closer. */
const TELLING = /pass|pwd|secret|key|token|auth|cred|connection|cookie/i
