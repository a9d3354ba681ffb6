// A sealer that stands still: what it has not sealed is not evidence yet, so the gateway stops taking calls before there is too much of it.
import test from 'ava'
import { bankOf } from '../e2e/gateway-kit.ts'
import { eventually, verify } from '../e2e/recorded.ts'
import { startProcess } from '../e2e/running.ts'
import { sealerOf } from './kill-rounds.ts'

const bank = bankOf(test)
const least = 16 * 1024 * 1024
const manyCalls = 600

test('calls stop when too much evidence waits to be sealed, nothing more reaches the upstream, and they go on when the sealer does', async (t) => {
  const gateway = await startProcess(await bank().home({ maxUnsealedBytes: least }))
  const sealer = sealerOf(gateway.pid)
  if (sealer === undefined) throw new Error('there is no sealer')
  const token = await bank().token({ audience: 'ledger' })
  const transfer = (note: string) => gateway.send('/ledger/transfers', { method: 'POST', token, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ amount: 5, from: 'a', to: 'b', note }) })
  process.kill(sealer, 'SIGSTOP')
  let refused: Awaited<ReturnType<typeof transfer>> | undefined
  try {
    for (let call = 0; call < manyCalls && refused === undefined; call++) {
      const said = await transfer('lag '.repeat(12_000))
      if (said.status !== 200) refused = said
    }
    t.is(refused?.status, 503)
    t.is(refused?.headers.get('retry-after'), '5')
    t.regex(refused?.text ?? '', /"code":"evidence_lag"/)
    t.regex(refused?.text ?? '', /Too much evidence is waiting to be sealed/)
    const reached = bank().upstream.seen.length
    t.is((await transfer('one more')).status, 503)
    t.is(bank().upstream.seen.length, reached)
    const readiness = await fetch(`${gateway.home.admin}/readyz`)
    t.is(readiness.status, 503)
    t.regex(await readiness.text(), /evidence_lag/)
  } finally {
    process.kill(sealer, 'SIGCONT')
  }
  const after = await eventually(async () => { const said = await transfer('after'); return said.status === 200 ? said : undefined }, 'a call after the sealer went on')
  t.is((await gateway.frame(after.receipt)).kind, 'intent')
  t.is(await gateway.stop(), 0)
  t.deepEqual((await verify(gateway.home.directories)).falsities, [])
})
