// Listeners of byte streams in a whole gateway: whom they belong to, and what becomes of a connection that belongs to nobody.
import { once } from 'node:events'
import { connect } from 'node:net'
import test from 'ava'
import { bankConfig, bankOf, publicUrl } from './gateway-kit.ts'
import { eventually } from './recorded.ts'
import { startHere } from './running.ts'
import type { Running } from './running.ts'

const bank = bankOf(test, (about) => {
  const config = bankConfig(about) as { targets: object[] }
  return { ...config, targets: [...config.targets, { name: 'appdb', protocol: 'postgres', prefix: '/appdb', env: 'prod', upstream: { url: 'postgres://127.0.0.1:1/app' } }] }
})
let gateway: Running
test.serial.before(async () => { gateway = await startHere(await bank().home({ streams: ['nowhere', 'bank'] })) })

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

test('a target with listeners of its own is reached by no path', async (t) => {
  const answer = await gateway.send('/appdb', { token: await bank().token({ audience: `${publicUrl}/appdb` }) })
  t.is(answer.status, 404)
  t.is(answer.json['code'] as unknown, 'request.unknown_target')
})
