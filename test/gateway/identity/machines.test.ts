// Machine users: a password is proved, nothing is learned by asking, and nobody but identity can make a proof.
import test from 'ava'
import type { Challenge } from '../../../gateway/call.ts'
import { createMachines, type Machines } from '../../../gateway/identity/index.ts'
import { machineSessionMs } from '../../../gateway/identity/machines.ts'
import { maxIterations, maxScramChars, mockVerifier, parseVerifier, scramExchange } from '../../../gateway/identity/scram.ts'
import { scramClient } from '../../../gateway/protocols/postgres/wire/scram-client.ts'
import { isRefusal } from '../../../gateway/refusal.ts'

/** RFC 7677 §3: password `pencil`. The keys were computed from the RFC's salt and count, and the RFC's own messages check them. */
const pencil = 'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU='
const secret = Buffer.alloc(32, 1)
const job = { name: 'nightly', verifier: 'nightly-verifier', groups: ['jobs'], targets: ['appdb'] }

function machinesOf(trust: Partial<Parameters<Machines['trust']>[0]> = {}, text = pencil): Machines {
  const machines = createMachines({ now: () => 1_000, nodeSecret: secret, secret: (name) => name === 'nightly-verifier' ? text : '' })
  machines.trust({ machines: [job], offBoarded: [], sponsors: {}, ...trust })
  return machines
}
async function prove(machines: Machines, name = 'nightly', password = 'pencil'): Promise<{ proof: object; isServer: boolean }> {
  const challenge = machines.challenge(name)
  const client = scramClient(password, { mechanism: 'SCRAM-SHA-256', header: 'n,,', data: new Uint8Array(0) })
  const final = challenge.final(await client.final(challenge.first(client.first) ?? '') ?? '')
  return { proof: final?.proof ?? {}, isServer: client.isServer(final?.serverFinal ?? '') }
}

test('the exchange of RFC 7677 goes as the RFC prints it', (t) => {
  const exchange = scramExchange(parseVerifier(pencil)!, '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0')
  t.is(exchange.first('n,,n=user,r=rOprNGfwEbeRWgbNEkqO'), 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096')
  t.deepEqual(exchange.final('c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ='), { serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=', isProven: true })
})

test('a step out of order, or a second time, is no step', (t) => {
  const exchange = scramExchange(parseVerifier(pencil)!, 'xyz')
  t.is(exchange.final('c=biws,r=abcxyz,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ='), undefined)
  t.is(exchange.first('y,,n=,r=abc'), 'r=abcxyz,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096')
  t.is(exchange.first('n,,n=,r=abc'), undefined)
  t.is(exchange.final('c=biws,r=abcxyz,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ='), undefined, 'it began with y, not n')
  t.is(exchange.final('c=eSws,r=abcxyz,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ='), undefined, 'it is over')
})

test('a machine user that proves its password is a service with its groups and its sponsor', async (t) => {
  const machines = machinesOf({ sponsors: { 'machine|nightly': 'https://idp.bank.example|eli' } })
  const { proof, isServer } = await prove(machines)
  t.true(isServer, 'the gateway proved that it knows the verifier')
  t.deepEqual(machines.verify(proof, 'appdb'), {
    type: 'service', id: 'machine|nightly', clientId: 'nightly', groups: ['jobs'], acr: '', amr: ['pwd'], claims: {}, sponsor: 'https://idp.bank.example|eli', expiresAt: 1_000 + machineSessionMs,
  })
  t.like(machines.verify(proof, 'appdb'), { code: 'identity.token_invalid', message: 'The password is not valid' }, 'a proof is spent by the first look')
})

for (const [what, code, message, attempt] of [
  ['a wrong password', 'identity.token_invalid', 'The password is not valid', async () => { const at = machinesOf(); return at.verify((await prove(at, 'nightly', 'pen')).proof, 'appdb') }],
  ['a name nobody has', 'identity.token_invalid', 'The password is not valid', async () => { const at = machinesOf(); return at.verify((await prove(at, 'nobody')).proof, 'appdb') }],
  ['a proof that somebody else made', 'identity.token_invalid', 'The password is not valid', async () => { const at = machinesOf(); return at.verify((await prove(machinesOf())).proof, 'appdb') }],
  ['a proof made by hand', 'identity.token_invalid', 'The password is not valid', async () => machinesOf().verify({ name: 'nightly', isProven: true }, 'appdb')],
  ['a target that it is not for', 'identity.audience', 'This machine user is not for this target', async () => { const at = machinesOf(); return at.verify((await prove(at)).proof, 'ledger') }],
  ['an off-boarded machine', 'identity.off_boarded', 'The caller has been off-boarded', async () => { const at = machinesOf({ offBoarded: ['machine|nightly'] }); return at.verify((await prove(at)).proof, 'appdb') }],
  ['an off-boarded sponsor', 'identity.off_boarded', 'The caller has been off-boarded', async () => { const at = machinesOf({ sponsors: { 'machine|nightly': 'https://x|eli' }, offBoarded: ['https://x|eli'] }); return at.verify((await prove(at)).proof, 'appdb') }],
  ['a machine that left the config in the middle', 'identity.token_invalid', 'The password is not valid', async () => {
    const at = machinesOf()
    const { proof } = await prove(at)
    at.trust({ machines: [], offBoarded: [], sponsors: {} })
    return at.verify(proof, 'appdb')
  }],
  ['a verifier that is none', 'identity.token_invalid', 'The password is not valid', async () => { const at = machinesOf({}, 'pencil'); return at.verify((await prove(at)).proof, 'appdb') }],
] as const) {
  test(`a machine user is refused: ${what}`, async (t) => {
    const answer = await attempt()
    t.true(isRefusal(answer))
    t.like(answer, { code, message })
  })
}

test('asking for a name nobody has teaches nothing: same salt each time, same form, same count', async (t) => {
  const machines = machinesOf()
  const first = (name: string, by = machines): readonly string[] => /,s=(.*),i=(.*)$/.exec(by.challenge(name).first('n,,n=,r=abc') ?? '')?.slice(1) ?? []
  const [salt, count] = first('nobody')
  t.deepEqual(first('nobody'), [salt, count])
  t.deepEqual(first('nobody', machinesOf()), [salt, count], 'also after a restart')
  t.is(count, '4096')
  t.is(salt?.length, first('nightly')[0]?.length)
  t.not(salt, first('nobody2')[0])
  t.deepEqual(first('nobody', machinesOf({}, pencil.replace('4096', '8192'))), [salt, '8192'], 'a count that no machine has would tell')
  const challenge: Challenge = machines.challenge('nobody')
  const client = scramClient('pencil', { mechanism: 'SCRAM-SHA-256', header: 'n,,', data: new Uint8Array(0) })
  t.regex(challenge.final(await client.final(challenge.first(client.first) ?? '') ?? '')?.serverFinal ?? '', /^v=[A-Za-z0-9+/]{43}=$/)
  t.notDeepEqual(mockVerifier('nobody', Buffer.alloc(32, 2), undefined), mockVerifier('nobody', secret, undefined), 'another node, another salt')
})

test('a session of a machine that is off-boarded or gone is not admitted again', async (t) => {
  const machines = machinesOf()
  const principal = machines.verify((await prove(machines)).proof, 'appdb')
  if (isRefusal(principal)) { t.fail(); return }
  t.is(machines.admit(principal), principal)
  machines.trust({ machines: [job], offBoarded: ['machine|nightly'], sponsors: {} })
  t.like(machines.admit(principal), { code: 'identity.off_boarded' })
  machines.trust({ machines: [], offBoarded: [], sponsors: {} })
  t.like(machines.admit(principal), { code: 'identity.off_boarded' })
  t.is(machines.admit({ ...principal, id: 'https://idp.bank.example|nightly' }), undefined, 'somebody else is somebody else’s to admit')
})

test('a verifier that is not in PostgreSQL’s form, or asks for too little or too much work, is named', (t) => {
  t.truthy(parseVerifier(pencil))
  for (const text of [
    '', 'pencil', pencil.toLowerCase(), pencil.replace('4096', '4095'), pencil.replace('4096', String(maxIterations + 1)), pencil.replace('4096', '04096'), pencil.replace('4096', '99999999999'),
    pencil.replace('W22ZaJ0SNY7soEsUEjb6gQ==', 'W22Z'), pencil.replace('W22ZaJ0SNY7soEsUEjb6gQ==', 'W22ZaJ0SNY7soEsUEjb6gR=='), pencil.replace('W22ZaJ0SNY7soEsUEjb6gQ==', Buffer.alloc(65).toString('base64')),
    pencil.replace(/:[^:]*$/, ':AAAA'), `${pencil}\n`, `${pencil}x`, `SCRAM-SHA-256$4096:${'A'.repeat(maxScramChars)}$a:b`,
  ]) t.is(parseVerifier(text), undefined, text.slice(0, 100))
  const machines = machinesOf()
  t.deepEqual(machines.trust({ machines: [job, { ...job, name: 'weekly', verifier: 'other' }], offBoarded: [], sponsors: {} }), ['weekly'])
})
