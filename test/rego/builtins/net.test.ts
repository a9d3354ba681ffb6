import test from 'ava'
import { cidr } from '../../../rego/builtins/net/cidr.ts'
import { answer, differences, fromJson, randomFrom } from './judge.ts'
import type { Case } from './judge.ts'

const networks = ['10.0.0.0/8', '10.1.2.3/16', '10.0.0.0/33', '10.0.0/8', '010.0.0.1/8', '10.0.0.1', '10.0.0.1/024', '1.2.3.4/+8', '1.2.3.4/', '/8', '', '::/0', '::1/128', 'fe80::1/64', 'fe80::1%eth0/64', '1::2::3/64',
  '1:2:3:4:5:6:7:8/12', '1:2:3:4:5:6:7::/112', '::2:3:4:5:6:7:8/16', '::1:2:3:4:5:6:7:8/16', '::ffff:10.0.0.0/104', '::ffff:1.2.3.4/64', '1::1.2.3.256/8', '12345::/16', 'x', '2001:DB8::/32', '0:0:1::/127', '255.255.255.254/31']

test('what is a network, what lies in what and what is next to what is as OPA says', async t => {
  t.false(answer(cidr, 'net.cidr_is_valid', { number: '1' }))
  const random = randomFrom(7)
  const pick = <T>(list: readonly T[]) => list[random(list.length)] as T
  const near = () => random(4) > 0 ? `10.0.0.${random(256)}/${22 + random(11)}` : `2001:db8::${random(16).toString(16)}/${118 + random(11)}`
  const any = () => random(5) > 0 ? near() : pick(networks)
  const list = () => `[${Array.from({ length: random(6) }, () => random(9) > 0 ? JSON.stringify(any()) : `[${JSON.stringify(any())}, 1]`).join(',')}]`
  const cases: Case[] = networks.map(text => ['net.cidr_is_valid', JSON.stringify(text)])
  for (let at = 0; at < 150; at++) {
    cases.push(['net.cidr_merge', `[${Array.from({ length: random(6) }, () => JSON.stringify(random(12) > 0 ? near() : '10.0.0.9')).join(',')}]`])
    cases.push(['net.cidr_contains_matches', list(), list()], ['net.cidr_contains_matches', JSON.stringify(any()), `{"a": ${JSON.stringify(any())}, "b": ${list()}}`])
    cases.push(['net.cidr_expand', JSON.stringify(`10.0.0.${random(256)}/${27 + random(6)}`)])
  }
  cases.push(['net.cidr_expand', '"2001:db8::ffff/126"'], ['net.cidr_expand', '"::ffff:1.2.3.4/126"'], ['net.cidr_expand', '"255.255.255.255/32"'], ['net.cidr_expand', '"fe80::1%eth0/128"'])
  t.deepEqual(await differences(cidr, cases), [])
})

test('a network in the notation of the other family is the same network', t => {
  // OPA's own answer to this is made of addresses with 28 bytes.
  t.deepEqual(answer(cidr, 'net.cidr_merge', fromJson(['::ffff:10.0.0.0/121', '10.0.0.128/25'])), { set: ['10.0.0.0/24'] })
})

test('a network of more addresses than fit is undefined, and costs nothing', t => {
  t.is((answer(cidr, 'net.cidr_expand', '10.0.0.0/16') as { set: unknown[] }).set.length, 65_536)
  for (const text of ['10.0.0.0/15', '0.0.0.0/0', '::/0', '2001:db8::/64']) t.is(answer(cidr, 'net.cidr_expand', text), undefined, text)
  const many = fromJson(Array.from({ length: 600 }, (_, at) => `10.${at >> 8}.${at & 255}.0/24`))
  t.is(answer(cidr, 'net.cidr_contains_matches', many, many), undefined)
  t.is(answer(cidr, 'net.cidr_merge', fromJson(Array.from({ length: 65_537 }, () => '10.0.0.0/8'))), undefined)
  t.is(answer(cidr, 'net.cidr_merge', 'no list'), undefined)
  t.is(answer(cidr, 'net.cidr_merge', fromJson(['fe80::1'])), undefined)
})
