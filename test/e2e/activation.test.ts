// A policy comes into force under load, by two people, and a kill in the middle of it leaves the old one or the new one.
import fs from 'node:fs'
import path from 'node:path'
import test from 'ava'
import { parse, stringify } from 'yaml'
import { commit, endorse, newSigner, write } from '../gateway/policy/policy-repository.ts'
import { lastActivation } from '../../evidence/index.ts'
import { proposeActivation } from '../../gateway/policy/index.ts'
import { shippedCapabilities } from '../../rego/index.ts'
import { bankConfig, bankOf, deskUrl } from './gateway-kit.ts'
import { eventually, verify } from './recorded.ts'
import { startProcess } from './running.ts'

// An answer may take as long as a slow machine takes to compile.
const bank = bankOf(test, (at) => {
  const config = bankConfig(at) as { targets: { upstream: object }[] }
  return { ...config, targets: config.targets.map((target) => ({ ...target, upstream: { ...target.upstream, timeout_ms: 60_000 } })) }
})
interface Check { readonly name: string; readonly reason: string; readonly detail: { readonly serial: number; readonly head: string; readonly pending?: object; readonly refused?: { readonly code: string } } }

test('a new policy drops and delays no call, is in force once two people have signed, and survives kill -9', async (t) => {
  t.timeout(120_000)
  const home = await bank().home()
  const eli = newSigner('eli'), lena = bank().signer
  const policyCheck = async (): Promise<Check> => {
    const { checks } = await (await fetch(`${home.admin}/readyz`)).json() as { checks: Check[] }
    return checks.find(({ name }) => name === 'policy') ?? t.fail('no check') as never
  }
  const token = await bank().token()
  let gateway = await startProcess(home)
  t.is((await policyCheck()).detail.serial, 1)

  // Calls all the time; one that was begun before the change ends after it.
  let release: (() => void) | undefined
  bank().upstream.behave('slow', (response) => { release = () => { response.writeHead(200, { 'content-type': 'application/json' }).end('{"rows":[]}') } })
  const inFlight = gateway.send('/ledger/accounts/slow', { token: await bank().token({ audience: 'ledger' }) })
  await eventually(() => release, 'the slow call')
  const calling = { isOn: true, statuses: [] as number[] }
  const calls = Promise.all([1, 2].map(async () => {
    while (calling.isOn) {
      calling.statuses.push((await gateway.tool(token, 'run_report', { report: 'daily' })).status)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }))

  // The second commit asks for two people; whoever signs for it is judged by the first, which asks for one.
  const config = parse(fs.readFileSync(path.join(home.policy, 'config.yaml'), 'utf8')) as object
  for (const name of fs.readdirSync(home.policy, { recursive: true, encoding: 'utf8' })) if (name.endsWith('_test.rego')) fs.rmSync(path.join(home.policy, name))   // seconds of each activation here
  write(home.policy, { 'config.yaml': stringify({ ...config, activation: { quorum: 2 } }, { aliasDuplicateObjects: false }), allowed_signers: lena.line + eli.line })
  await commit(home.policy, lena)
  gateway.signal('SIGHUP')
  await eventually(async () => (await policyCheck()).detail.serial === 2 ? true : undefined, 'serial 2')
  t.truthy(release)
  release?.()
  t.is((await inFlight).status, 200)
  calling.isOn = false
  await calls
  t.true(calling.statuses.length > 20, `${calling.statuses.length} calls`)
  t.deepEqual(calling.statuses.filter((status) => status !== 200), [])

  write(home.policy, { 'data/extra/data.json': '{"third": true}' })
  const third = await commit(home.policy, lena)
  gateway.signal('SIGHUP')
  const waiting = await eventually(async () => { const check = await policyCheck(); return check.detail.pending === undefined ? undefined : check }, 'a signature that is missing')
  t.like(waiting, { reason: `serial 2, revision ${waiting.reason.slice(19, 59)}; the head waits for 1 more signature: it has 1 of 2`, detail: { head: third, pending: { signatures: 1, of: 2 } } })
  t.false('refused' in waiting.detail)
  const metrics = await (await fetch(`${home.admin}/metrics`)).text()
  for (const line of [/^countersign_policy_serial 2$/m, /^countersign_policy_head_refused 0$/m, /^countersign_policy_head_signatures_missing 1$/m, /^countersign_policy_events_total\{event="waiting"\} 1$/m, /^countersign_policy_events_total\{event="activated"\} 2$/m, /^countersign_policy_reviews_open 0$/m, /^countersign_policy_stale_seconds [0-9.]+$/m]) t.regex(metrics, line)
  t.is((await fetch(`${home.admin}/api/policy`)).status, 401)
  const said = await (await fetch(`${home.admin}/api/policy`, { headers: { authorization: `Bearer ${await bank().token({ audience: deskUrl })}` } })).json()
  t.like(said, { serial: 2, signers: ['lena@bank.example'], head: third, ref: 'refs/heads/main', reviews: [] })

  // Killed while the third is tested and built: the second is in force again at once, and the third follows.
  const { statement } = await proposeActivation(home.policy, { commit: third, kind: 'activation', capabilities: shippedCapabilities() })
  await endorse(home.policy, statement, eli)
  gateway.signal('SIGHUP')
  await new Promise((resolve) => setTimeout(resolve, 300))
  gateway.signal('SIGKILL')
  await gateway.ended
  gateway = await startProcess(home)
  t.is((await gateway.tool(token, 'run_report', { report: 'daily' })).status, 200)
  await eventually(async () => (await policyCheck()).detail.serial === 3 ? true : undefined, 'serial 3')
  t.is(await gateway.stop(), 0)

  const events = gateway.frames().flatMap(({ kind, event }) => kind === 'policy' && event !== undefined ? [event] : [])
  t.true(events.some((one) => one['event'] === 'activated' && one['serial'] === 3 && String(one['signers']) === 'eli@bank.example,lena@bank.example'))
  const signed = events.flatMap((one) => (one['endorsements'] ?? []) as string[]).find((text) => text.includes(third)) ?? ''
  t.true(signed.startsWith(`{"bundle":"${statement.bundle}"`) && signed.includes('-----BEGIN SSH SIGNATURE-----'))
  t.deepEqual((await verify(home.directories)).falsities, [])
  t.deepEqual(lastActivation(home.directories.evidence, -1), { serial: 3, bundle: statement.bundle })
  t.is(lastActivation(home.directories.evidence, 1), undefined, 'the second epoch was the last')
})
