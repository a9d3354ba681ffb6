// Silence is deny, so nobody says yes by default.
import { finding, type LintRule } from './subject.ts'

const openers: readonly string[] = ['allow', 'unmasked']

export const silenceIsDeny: LintRule = ({ packages }) => packages.flatMap(one => one.rules
  .filter(rule => openers.includes(rule.name) && rule.is_default === true && rule.value === 'true')
  .map(rule => finding('silence_is_deny', rule, `${rule.name} is true by default, for every call that comes: say for whom and for what, and leave the rest undefined`)))
