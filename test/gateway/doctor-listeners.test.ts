// What the doctor says of listeners before anybody is turned away by one.
import { X509Certificate } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import test from 'ava'
import type { TargetConfig } from '../../gateway/config.ts'
import { examineListeners } from '../../gateway/doctor-listeners.ts'

const targets = [{ name: 'bank', protocol: 'mcp', prefix: '/bank' }, { name: 'appdb', protocol: 'postgres', prefix: '/appdb' }] as unknown as TargetConfig[]
const at = { host: '127.0.0.1', port: 7405 }

test('a listener whose target is not there, or is no database, is a failure that names it and what there is', (t) => {
  t.deepEqual(examineListeners([{ ...at, target: 'appdb' }, { ...at, target: 'apdb' }, { ...at, target: 'bank' }, at], targets, 0), [
    { check: 'listener', level: 'fine', message: '127.0.0.1:7405 is for target appdb' },
    { check: 'listener', level: 'fail', message: '127.0.0.1:7405 is for target apdb, which config in force does not have, so it hangs up on everybody; of PostgreSQL there is: appdb' },
    { check: 'listener', level: 'fail', message: '127.0.0.1:7405 is for target bank, which speaks mcp, so it hangs up on everybody: a listener without target serves it at /bank' },
  ])
})

test('a certificate that has expired, soon will, or is none is told before callers tell', (t) => {
  const folder = path.join(import.meta.dirname, 'connection', 'tls')
  const tls = { cert: path.join(folder, 'test-only-cert.pem'), key: path.join(folder, 'test-only-key.pem') }
  const { validFromDate, validToDate } = new X509Certificate(fs.readFileSync(tls.cert))
  const day = 24 * 3_600_000
  const said = (now: number, cert = tls.cert) => examineListeners([{ ...at, tls: { cert, key: tls.key } }], targets, now).map(({ level, message }) => `${level} ${message}`)
  t.deepEqual(said(validFromDate.getTime() - day), [`fail ${tls.cert} of 127.0.0.1:7405 holds from ${validFromDate.toISOString()} on, and not yet`])
  t.deepEqual(said(validToDate.getTime() - 15 * day), [`fine ${tls.cert} of 127.0.0.1:7405 holds until ${validToDate.toISOString()}`])
  t.deepEqual(said(validToDate.getTime() - 13 * day), [`warn ${tls.cert} of 127.0.0.1:7405 holds until ${validToDate.toISOString()}`])
  t.deepEqual(said(validToDate.getTime()), [`fail ${tls.cert} of 127.0.0.1:7405 expired at ${validToDate.toISOString()}: put a new one there and restart the gateway`])
  t.deepEqual(said(0, tls.key), [`fail ${tls.key} of 127.0.0.1:7405 cannot be read, or is no certificate in PEM`])
})
