// kill -9 of the gateway and of its sealer at random times under load.
import test from 'ava'
import { bankOf } from '../e2e/gateway-kit.ts'
import { eventually, verify } from '../e2e/recorded.ts'
import { startProcess } from '../e2e/running.ts'
import { killRounds, sealerOf } from './kill-rounds.ts'

const bank = bankOf(test)
const rounds = 10

test(`no answered call is missing from the record after ${rounds} rounds of kill -9, and no claim of it is false`, async (t) => {
  t.timeout(280_000)
  const { acknowledged, missing, fsck, verdict } = await killRounds(bank(), rounds, (line) => t.log(line))
  t.true(acknowledged > rounds * 10)
  t.deepEqual(missing, [])
  t.is(fsck, '')
  t.deepEqual(verdict.falsities, [])
  t.is(verdict.exit, 3, 'sound; nobody outside has seen it')
})

test('a gateway whose sealer is killed goes on answering, and all of it is sealed by the next', async (t) => {
  const gateway = await startProcess(await bank().home())
  const token = await bank().token()
  const killed = sealerOf(gateway.pid)
  t.truthy(killed)
  process.kill(killed ?? 0, 'SIGKILL')
  const said = await gateway.tool(token, 'run_report', { report: 'daily' })
  t.is(said.status, 200)
  t.is((await gateway.frame(said.receipt)).kind, 'intent')
  t.not(await eventually(() => sealerOf(gateway.pid), 'another sealer'), killed)
  t.is(await gateway.stop(), 0)
  t.deepEqual((await verify(gateway.home.directories)).falsities, [])
})
