// `node test/conformance/postgres/try.ts [--gateway] SUITE …`: some suites alone; without --gateway through a TCP pass-through, whose cost in tests is not the gateway's.
import { postgresCiSuites, postgresSuites, runTwice } from './index.ts'
import { startPassThrough } from './pass-through.ts'
import { startGatewayBetween } from './through-gateway.ts'

const asked = process.argv.slice(2).filter((word) => word !== '--gateway')
const start = process.argv.includes('--gateway') ? startGatewayBetween : startPassThrough
for (const suite of [...postgresSuites, ...postgresCiSuites]) {
  if (asked.length > 0 ? !asked.includes(suite.name) : postgresCiSuites.includes(suite)) continue
  for (const { name, passed, detail } of await runTwice(suite, start)) process.stdout.write(`${passed ? 'ok  ' : 'FAIL'} ${name}: ${detail}\n`)
}
