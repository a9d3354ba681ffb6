// Shadow mode of a running gateway: a candidate decides live calls once more, behind them, and what it would have changed is on record. Nobody is answered by it.
import fs from 'node:fs'
import path from 'node:path'
import test from 'ava'
import git from 'isomorphic-git'
import { bankOf, deskUrl } from './gateway-kit.ts'
import type { Home } from './gateway-kit.ts'
import { commit, newSigner, write, type Signer } from '../gateway/policy/policy-repository.ts'
import { eventually, verify } from './recorded.ts'
import { startHere } from './running.ts'
import type { Running } from './running.ts'

const bank = bankOf(test)
interface Shadow { readonly candidate?: string; readonly refused?: { readonly code: string; readonly message: string }; readonly compared: number; readonly differed: number; readonly differences: readonly { readonly flips: readonly { readonly kind: string; readonly rules: readonly string[] }[]; readonly count: number }[] }

/** A branch on which no lead may run a report. */
async function propose(home: Home, signer: Signer): Promise<string> {
  const file = path.join(home.policy, 'data', 'data.json')
  const before = fs.readFileSync(file, 'utf8')
  await git.branch({ fs, dir: home.policy, ref: 'candidate', checkout: true })
  write(home.policy, { 'data/data.json': before.replace(/("bank\/run_report": \{ "groups": \["analysts"), "leads"/, '$1') })
  const revision = await commit(home.policy, signer)
  await git.checkout({ fs, dir: home.policy, ref: 'main' })
  fs.writeFileSync(home.config, fs.readFileSync(home.config, 'utf8').replace('  poll_s:', '  shadow_ref: refs/heads/candidate\n  poll_s:'))
  return revision
}

async function statusOf(gateway: Running): Promise<Shadow> {
  const answer = await fetch(`${gateway.home.admin}/api/policy`, { headers: { authorization: `Bearer ${await bank().token({ audience: deskUrl })}` } })
  return (await answer.json() as { shadow: Shadow }).shadow
}

test('a candidate that would refuse what is allowed answers nobody, and every difference is on record', async (t) => {
  const home = await bank().home()
  const revision = await propose(home, bank().signer)
  const gateway = await startHere(home)
  await eventually(async () => (await statusOf(gateway)).candidate, 'a candidate')
  const token = await bank().token()
  const [changed, same] = [await gateway.tool(token, 'run_report', { report: 'daily' }), await gateway.tool(await bank().token({ sub: 'ana', groups: ['analysts'] }), 'run_report', { report: 'daily' })]
  t.deepEqual([changed.status, same.status], [200, 200])
  const status = await eventually(async () => { const now = await statusOf(gateway); return now.differed > 0 && now.compared >= 2 ? now : undefined }, 'a difference')
  t.is(status.candidate, revision)
  t.deepEqual(status.differences.map(({ flips, count }) => [flips.map(({ kind }) => kind), count]), [[['allow_to_deny'], 1]])
  const frame = await eventually(() => gateway.frames().find(({ kind }) => kind === 'shadow'), 'the frame')
  t.like(frame, { event: { event: 'shadow', revision }, decision: { effect: 'deny' } })
  t.is(Object.values(frame.structure ?? {}).join('/'), changed.receipt)
  t.is((await gateway.frame(changed.receipt)).decision?.effect, 'allow', 'the call itself was decided by the policy in force')
  await gateway.stop()
  t.deepEqual((await verify(home.directories)).falsities, [])
})

test('a candidate that nobody signed is not even compiled', async (t) => {
  const home = await bank().home()
  await propose(home, newSigner('stranger'))
  const gateway = await startHere(home)
  const { refused, candidate } = await eventually(async () => { const now = await statusOf(gateway); return now.refused === undefined ? undefined : now }, 'a refusal')
  t.is(candidate, undefined)
  t.like(refused, { code: 'ERR_POLICY_SOURCE', message: 'the candidate is not signed by anybody whom the policy in force allows' })
  t.is((await gateway.tool(await bank().token(), 'run_report', { report: 'daily' })).status, 200)
  await gateway.stop()
})
