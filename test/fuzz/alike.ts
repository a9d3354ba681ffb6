// Statements that differ in constants: what is known of one is, for another, what its own analysis would say (gateway/protocols/postgres/sql/alike.ts).
import { isDeepStrictEqual } from 'node:util'
import { createAnalyser } from '../../gateway/protocols/postgres/sql/analyse.ts'
import { traceStatement } from '../../gateway/protocols/postgres/sql/lineage.ts'
import { createParser } from '../../gateway/protocols/postgres/sql/parser.ts'
import { filled, randomOf, template, type Random } from '../gateway/protocols/postgres/sql/alike-statements.ts'
import { naming } from '../gateway/protocols/postgres/sql/town.ts'

/** So often: seen, kept, shared, and shared by one with other digits. */
const variants = 5
const parser = await createParser()
const remembering = createAnalyser(parser, traceStatement)

export const alikeSeeds = Array.from({ length: 60 }, (_, seed) => { const random = randomOf(seed); return Buffer.from(filled(template(random), random, 40)) })

/** @throws when what is remembered differs from what is new */
export function runAlike(input: Uint8Array): void {
  const random = randomOf(input.reduce((sum, byte) => Math.imul(sum, 31) + byte | 0, 7))
  const text = Buffer.from(input).toString()
  compare(text)
  compareAll(text.replaceAll(/\d+/g, '#'), random)
  compareAll(template(random), random)
}

function compareAll(holes: string, random: Random): void {
  for (let variant = 0; variant < variants; variant++) compare(filled(holes, random, 30))
}

function compare(text: string): void {
  const known = remembering.analyse(text, naming)
  const own = createAnalyser(parser, traceStatement).analyse(text, naming)
  if (!isDeepStrictEqual(known, own) || JSON.stringify(known) !== JSON.stringify(own)) throw new Error(`does not hold: what is known of others is what is said of ${JSON.stringify(text)}`)
}
