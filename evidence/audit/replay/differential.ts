// Head's decisions on a sample of the corpus by two engines: the compiled module that the gateway runs, and OPA's interpreter on the source.
import { decideTopdown, shippedCapabilities } from '../../../rego/index.ts'
import type { PolicySource, Toolchain } from '../../../rego/index.ts'
import type { Corpus } from './corpus.ts'
import type { Engine } from './engine.ts'

export interface Differential {
  readonly rows: number
  /** Places of rows on which they differ. */
  readonly disagreements: readonly number[]
}

/** Of one request to the interpreter, which takes 0.2 to 0.5 ms a row. */
const deadlineMs = 120_000
/** Bytes of inputs in one request; the interpreter's own limit is 64 MiB. */
const maxRequestBytes = 33_554_432

/** @throws PolicyError when the source does not compile for topdown, or the interpreter does not answer */
export async function compareEngines(corpus: Corpus, head: Engine, files: PolicySource, places: readonly number[], toolchain: Toolchain): Promise<Differential> {
  const inputs: object[] = []
  let bytes = 0
  for (const place of places) {
    const { input } = corpus.row(place)
    bytes += JSON.stringify(input).length
    if (bytes > maxRequestBytes) break
    inputs.push(input)
  }
  const interpreted = await decideTopdown({ files, capabilities: shippedCapabilities(), inputs, deadlineMs, toolchain })
  const disagreements = inputs.flatMap((input, at) => {
    const { decision, canonical } = head.decide(input)
    const isError = decision.reasons[0]?.id === 'policy.error'
    const said = interpreted[at]
    // No decision is a deny in both; with which code is the engine's own business.
    const isSame = said === undefined ? isError : !isError && said === Buffer.from(canonical).toString('utf8')
    return isSame ? [] : [places[at] ?? 0]
  })
  return { rows: inputs.length, disagreements }
}
