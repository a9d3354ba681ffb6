// Taking a port: what every listener has in common, whatever it hears there.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { AddressInfo, Server } from 'node:net'
import { BlockList, isIP } from 'node:net'
import { readFileSync } from 'node:fs'
import type { ListenConfig } from '../config.ts'
import { GatewayError } from '../errors.ts'

/** Connections that wait to be accepted. */
const backlog = 1024

export interface Listener {
  readonly address: AddressInfo
  /** Stops accepting, lets what is in flight finish for `graceMs`, then cuts what is left. */
  close(graceMs: number): Promise<void>
}

/** The certificate and its key; undefined: plaintext. @throws GatewayError `ERR_LISTEN` for plaintext off loopback, and for files that cannot be used by `use` */
export function certified<T>(config: ListenConfig, use: (files: { cert: Buffer; key: Buffer }) => T): T | undefined {
  const { host, port, tls } = config
  if (tls === undefined) {
    if (!isLoopback(host)) throw new GatewayError('ERR_LISTEN', `plaintext is refused off loopback: give ${host}:${port} a certificate`)
    return undefined
  }
  const at = `${host}:${port}`
  const files = { cert: attempt(() => readFileSync(tls.cert), `the certificate of ${at}, ${tls.cert}, cannot be read`), key: attempt(() => readFileSync(tls.key), `the key of ${at}, ${tls.key}, cannot be read`) }
  const certificate = attempt(() => new X509Certificate(files.cert), `${tls.cert} is no certificate in PEM, and ${at} needs one`)
  const key = attempt(() => createPrivateKey(files.key), `${tls.key} is no private key in PEM, without a passphrase, and ${at} needs one`)
  if (!certificate.checkPrivateKey(key)) throw new GatewayError('ERR_LISTEN', `${tls.key} is not the key of the certificate ${tls.cert}, and ${at} needs both`)
  return attempt(() => use(files), `the certificate and key of ${at} cannot be used`)
}

function attempt<T>(act: () => T, failed: string): T {
  try {
    return act()
  } catch (cause) {
    throw new GatewayError('ERR_LISTEN', failed, { cause })
  }
}

/** @throws GatewayError `ERR_LISTEN` */
export function bind(server: Server, { host, port }: ListenConfig): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const failed = (cause: Error): void => reject(new GatewayError('ERR_LISTEN', `cannot listen on ${host}:${port}`, { cause }))
    server.once('error', failed)
    server.listen({ host, port, backlog }, () => {
      server.off('error', failed)
      resolve(server.address() as AddressInfo)
    })
  })
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

function isLoopback(host: string): boolean {
  const family = isIP(host)
  return family === 0 ? host === 'localhost' : loopback.check(host, family === 6 ? 'ipv6' : 'ipv4')
}
