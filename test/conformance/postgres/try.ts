// `node test/conformance/postgres/try.ts SUITE …`: the suites through a TCP pass-through instead of the gateway: what the stand-in costs is not the gateway's fault.
import { postgresSuites, runTwice } from './index.ts'
import { startPassThrough } from './pass-through.ts'

const asked = process.argv.slice(2)
for (const suite of postgresSuites) {
  if (asked.length > 0 && !asked.includes(suite.name)) continue
  for (const { name, passed, detail } of await runTwice(suite, startPassThrough)) process.stdout.write(`${passed ? 'ok  ' : 'FAIL'} ${name}: ${detail}\n`)
}
