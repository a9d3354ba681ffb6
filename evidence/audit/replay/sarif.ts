// The report as SARIF 2.1.0, for code scanning: one result for each change and rule, at the rule's place in head.
import type { Direction, FlipKind } from './flip-kind.ts'
import type { Report } from './report.ts'
import type { RuleId } from './rule-ids.ts'
import { directions } from './flip-kind.ts'
import { change, counted, kindWords } from './words.ts'

const levels: Readonly<Record<Direction, string>> = { widening: 'warning', tightening: 'note', neutral: 'none' }

/** @param rules of head, for places; a rule that only base has is told without one */
export function writeSarif(report: Report, rules: readonly RuleId[]): string {
  const places = new Map(rules.map((rule) => [rule.id, rule]))
  const kinds = Object.keys(directions) as FlipKind[]
  return `${JSON.stringify({
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json', version: '2.1.0',
    runs: [{
      tool: { driver: { name: 'countersign policy replay', rules: kinds.map((id) => ({ id, shortDescription: { text: kindWords[id] }, defaultConfiguration: { level: levels[directions[id]] } })) } },
      results: report.flips.flatMap((flip) => (flip.rules.length === 0 ? [''] : flip.rules).map((rule) => {
        const place = places.get(rule) ?? places.get(rule.slice(0, Math.max(0, rule.lastIndexOf('.'))))
        return {
          ruleId: flip.kind, ruleIndex: kinds.indexOf(flip.kind), level: levels[flip.direction],
          message: { text: `${[rule, kindWords[flip.kind], change(flip)].filter((part) => part !== '').join(', ')}: ${counted(flip.calls, 'recorded call')}` },
          ...(place === undefined ? {} : { locations: [{ physicalLocation: { artifactLocation: { uri: place.file.split('/').map(encodeURIComponent).join('/') }, region: { startLine: place.row } } }] }),
          partialFingerprints: { flip: [flip.kind, rule, ...flip.subjects, flip.before, flip.after].join('/').slice(0, 512) },
          properties: { calls: flip.calls, rows: flip.rows, ...(flip.cells === null ? {} : { cells: flip.cells }) },
        }
      })),
    }],
  }, undefined, 1)}\n`
}
