// Listeners of byte streams in a whole gateway: whom they belong to, and what becomes of a connection that belongs to nobody.
import { once } from 'node:events'
import fs from 'node:fs'
import { connect } from 'node:net'
import path from 'node:path'
import test from 'ava'
import pg from 'pg'
import { bankConfig, bankOf, publicUrl } from './gateway-kit.ts'
import { eventually } from './recorded.ts'
import { startHere } from './running.ts'
import type { Running } from './running.ts'

const bank = bankOf(test, (about) => {
  const config = bankConfig(about) as { targets: object[] }
  return {
    ...config, targets: [...config.targets, { name: 'appdb', protocol: 'postgres', prefix: '/appdb', env: 'prod', upstream: { url: 'postgres://127.0.0.1:1/app' }, postgres: { sign_in: ['token', 'scram'] } }],
    machine_prefix: 'job-', machines: [{ name: 'job-nightly', verifier: 'service-key', targets: ['appdb'] }],
  }
})
let gateway: Running
test.serial.before(async () => {
  const home = await bank().home({ streams: ['nowhere', 'bank', 'appdb'] })
  // RFC 7677 §3: the password is `pencil`.
  fs.writeFileSync(path.join(home.dir, 'service-key'), 'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=')
  gateway = await startHere(home)
})

for (const [index, target, why] of [[1, 'nowhere', 'that no config knows'], [2, 'bank', 'that speaks HTTP']] as const) {
  test.serial(`a byte stream to a target ${why} is closed unread, and counted`, async (t) => {
    const [host, port] = gateway.addresses[index]!.split(':')
    const socket = connect({ host, port: Number(port) })
    let heard = 0
    socket.on('data', ({ length }) => { heard += length })
    socket.on('error', () => undefined)                        // a reset is an end, too
    socket.write('GET /bank HTTP/1.1\r\n\r\n')
    await once(socket, 'close')
    t.is(heard, 0)
    const { event } = await eventually(() => gateway.frames().find(({ kind, event: about }) => kind === 'unauthenticated' && about?.['target'] === target), 'the count')
    t.like(event, { code: 'request.unknown_target', source: '127.0.0.1', target })
  })
}

test('on one port a machine proves its password and a person brings a token, by how the user name begins', async (t) => {
  const [host, port] = gateway.addresses[3]!.split(':')
  const token = await bank().token({ audience: `${publicUrl}/appdb` })
  const said = async (user: string, password: string): Promise<string> => {
    const client = new pg.Client({ host: String(host), port: Number(port), database: 'app', user, password })
    client.on('error', () => undefined)
    return (await t.throwsAsync<Error>(client.connect())).message
  }
  t.is(await said('job-nightly', 'pencil'), 'The upstream cannot be reached', 'let in, and there is no database behind')
  t.is(await said('ana', token), 'The token was not issued for this gateway', 'it was read as a token')
  t.is(await said('job-nightly', token), 'The password is not valid')
  t.is(await said('job-nobody', 'pencil'), 'The password is not valid')
  t.is(await said('nightly', 'pencil'), 'The token is not valid')
  await eventually(() => gateway.frames().find(({ kind, event }) => kind === 'open' && event?.['subject'] === 'machine|job-nightly'), 'the session of the machine')
})

test('a target with listeners of its own is reached by no path', async (t) => {
  const answer = await gateway.send('/appdb', { token: await bank().token({ audience: `${publicUrl}/appdb` }) })
  t.is(answer.status, 404)
  t.is(answer.json['code'] as unknown, 'request.unknown_target')
})
