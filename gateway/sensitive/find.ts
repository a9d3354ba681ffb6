// Finds sensitive values in text. Every detector is linear: bounded look-behind, bounded windows, no nested repetition, and it runs
// only where `anchors.ts` saw something for it to stand on.
import { ANCHOR, CLUSTER_SHIFT, NOT_ASCII, findAnchors } from './anchors.ts'
import { findAddresses } from './detectors/address.ts'
import { findAccounts, findIbans, findRoutingNumbers } from './detectors/bank.ts'
import { findCards } from './detectors/card.ts'
import { findBirthDates, findEmails, findPhones } from './detectors/person.ts'
import { findHintedSecret, findNamedSecrets, findPrivateKeys, findTokens, findUrlPasswords } from './detectors/secret.ts'
import { findTaxNumbers } from './detectors/tax.ts'
import { detectedClasses, resolveOverlaps } from './finding.ts'
import type { Finding, Search } from './finding.ts'
import { fold, unfold } from './fold.ts'
import { readMember } from './member.ts'
import type { Member } from './member.ts'

/** Nothing shorter is a finding: `1.1.1.1`, `a@b.co`; a password under a telling name may be four. */
const MIN_CHARS = 4
const PEM_BEGIN = '-----BEGIN '

/** Each of these alone is enough to look closer. */
const SUFFICIENT = ANCHOR.token | ANCHOR.at | ANCHOR.assignment | ANCHOR.dash

const nothing: readonly Finding[] = Object.freeze([])
const everyClass: ReadonlySet<string> = new Set(detectedClasses)

/**
 * @param member name of the JSON member (or header, column) that holds the text; '' where there is none
 * @param classes what to look for
 * @returns spans in order, none overlapping
 */
export function findSensitive(text: string, member = '', classes: ReadonlySet<string> = everyClass): readonly Finding[] {
  return text.length < MIN_CHARS ? nothing : findInMember(text, readMember(member), classes)
}

/** The same for a member whose name has been read already. */
export function findInMember(text: string, member: Member, classes: ReadonlySet<string> = everyClass): readonly Finding[] {
  if (text.length < MIN_CHARS) return nothing
  const anchors = findAnchors(text, false)
  if (anchors !== NOT_ASCII) return search(text, member, classes, anchors)
  const folded = fold(text)
  const found = search(folded.text, member, classes, findAnchors(folded.text, true))
  return found.length === 0 ? nothing : found.map((finding) => unfold(finding, folded))
}

function search(text: string, { hint, isTelling }: Member, classes: ReadonlySet<string>, anchors: number): readonly Finding[] {
  const cluster = anchors >> CLUSTER_SHIFT
  const hasAddress = (anchors & (ANCHOR.dots | ANCHOR.colons)) !== 0 && cluster > 0
  if (cluster < 4 && (anchors & SUFFICIENT) === 0 && !hasAddress && !isTelling) return nothing
  const hasToken = (anchors & ANCHOR.token) !== 0
  const hasAt = (anchors & ANCHOR.at) !== 0
  const found: Finding[] = []
  const search: Search = { text, hint, found }
  if (classes.has('SECRET')) {
    if (isTelling) findHintedSecret(search)
    if (hasToken) findTokens(search)
    if ((anchors & ANCHOR.assignment) !== 0) findNamedSecrets(search)
    if (hasAt && (anchors & ANCHOR.colon) !== 0) findUrlPasswords(search)
    if ((anchors & ANCHOR.dash) !== 0 && text.includes(PEM_BEGIN)) findPrivateKeys(search)
  }
  if (hasAt && classes.has('EMAIL')) findEmails(search)
  if (cluster >= 7 && classes.has('IBAN')) findIbans(search)
  if (cluster >= 9) {
    if (cluster >= 13 && classes.has('PAN')) findCards(search)
    if (classes.has('US_SSN')) findTaxNumbers(search)
    if (classes.has('US_ROUTING')) findRoutingNumbers(search)
  }
  if ((cluster >= 10 || ((anchors & ANCHOR.plus) !== 0 && cluster >= 7)) && classes.has('PHONE')) findPhones(search)
  if (cluster >= 6 && classes.has('US_ACCOUNT')) findAccounts(search)
  if (cluster >= 4 && classes.has('DOB')) findBirthDates(search)
  if (hasAddress && classes.has('IP')) findAddresses(search)
  return found.length === 0 ? nothing : resolveOverlaps(found)
}
