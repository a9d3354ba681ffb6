// A door that decides by a function and records in a list, so that the wire can be tested without policy, keys or a journal.
// Everything else is real: listener, router, upstream pool, masks, protocols.
import { randomBytes } from 'node:crypto'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { MaskedPart, Permit, type DecidedCall, type Operation } from '../../../gateway/call.ts'
import type { TargetConfig } from '../../../gateway/config.ts'
import { createRouter, listen } from '../../../gateway/connection/index.ts'
import { createMasking } from '../../../gateway/mask/index.ts'
import { createTokens } from '../../../gateway/sensitive/tokens.ts'
import type { Door, Gate, Protocol, Upstream } from '../../../gateway/protocol.ts'
import { refusal, RefusalError, type Refusal } from '../../../gateway/refusal.ts'
import { openUpstream } from '../../../gateway/upstream/index.ts'
import type { Decision } from '../../../rego/index.ts'

const issue = Permit.takeIssuer()

export const allow: Decision = { effect: 'allow', reasons: [], approval: null, mask: [], limits: {}, record: { level: 'body', retention: '1d' }, obligations: [] }

export interface Recorded { readonly kind: 'intent' | 'refusal' | 'upload' | 'part'; readonly operation?: Operation; readonly part?: MaskedPart; readonly code?: string; readonly message?: string; readonly bytes?: number; readonly from?: string; readonly seq?: number }

export interface Rig {
  readonly url: string
  readonly port: number
  readonly record: Recorded[]
  readonly target: TargetConfig
  readonly abort: AbortController
  close(): Promise<void>
}

export interface RigOptions<O extends Operation, U extends Upstream<O>> {
  readonly protocol: (publicUrl: string) => Protocol<O, U>
  readonly upstream: RequestListener | Server
  readonly target?: Partial<TargetConfig>
  readonly limits?: Partial<TargetConfig['limits']>
  readonly timeoutMs?: number
  decide?(operation: O, from: string): Decision | Refusal
  isVisible?(id: string): boolean
  /** Stands for a recorder that cannot append. */
  failing?: 'upload' | 'deliver'
}

/** Tokens `alice` and `bob` are valid; anything else is not. */
export async function openRig<O extends Operation, U extends Upstream<O>>(options: RigOptions<O, U>): Promise<Rig> {
  const upstream = typeof options.upstream === 'function' ? createServer(options.upstream) : options.upstream
  if (!upstream.listening) await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  const target: TargetConfig = {
    name: 'bank', protocol: 'mcp', prefix: '/bank', env: 'test', labels: [], durability: 'strict', catalogue: {},
    upstream: { url: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`, timeoutMs: options.timeoutMs ?? 20_000, insecureAllowPlaintext: false, credential: { header: 'Authorization', secret: 'bank', scheme: 'Bearer' } },
    limits: { maxBodyBytes: 64 * 1024, maxResultBytes: 4 * 1024 * 1024, maxDepth: 32, ...options.limits },
    ...options.target,
  }
  const access = openUpstream(target, () => 'upstream-secret')
  const record: Recorded[] = []
  const abort = new AbortController()
  const protocol = options.protocol('http://127.0.0.1')
  const masking = createMasking(target, createTokens(randomBytes(32)))
  let seq = 0
  const gates = new Map<string, Gate<O, U>>()
  const door: Door<O, U> = {
    target, masking,
    enter(credential) {
      if (credential.kind !== 'bearer') return refusal('identity.token_missing')
      if (credential.token !== 'alice' && credential.token !== 'bob') return refusal('identity.token_invalid')
      let gate = gates.get(credential.token)
      if (gate === undefined) gates.set(credential.token, gate = gateOf(credential.token))
      return gate
    },
    turnAway: ({ code, message }) => { record.push({ kind: 'refusal', code, message }) },
  }
  const gateOf = (owner: string): Gate<O, U> => {
    let dialled: U | undefined
    return {
      session: '00', owner, signal: abort.signal,
      close: () => undefined,
      open: () => dialled ??= protocol.dial(access),
      async request(operations, from) {
        return operations.map((operation) => {
          const decided = options.decide?.(operation, from) ?? allow
          if ('refused' in decided) {
            record.push({ kind: 'refusal', operation, code: decided.code, message: decided.message, from })
            return decided
          }
          const call = { operation, from, input: {}, inputText: '{}', decisionId: new Uint8Array(16), decision: decided, canonicalDecision: new Uint8Array(0), bundle: new Uint8Array(32), durability: 'strict' } as unknown as DecidedCall<O>
          record.push({ kind: 'intent', operation, from, seq })
          return issue(call, seq++)
        })
      },
      holds: () => true,
      async upload(permit, bytes) {
        if (options.failing === 'upload') throw new RefusalError(refusal('record.unavailable'))
        record.push({ kind: 'upload', bytes: bytes.length, seq: permit.seq })
        return { bytes, seq: seq++ }
      },
      async deliver(parts) {
        if (options.failing === 'deliver') throw new RefusalError(refusal('record.ambiguous'))
        return parts.map(([permit, part]) => {
          record.push({ kind: 'part', part, operation: permit.call.operation, seq: permit.seq })
          return { bytes: part.bytes, seq: seq++ }
        })
      },
      visible: (_permit, items) => items.map(({ id }) => options.isVisible?.(id) ?? true),
      async refuse(code, message) {
        record.push({ kind: 'refusal', code, message })
        return refusal(code, message, { frame: `00/${seq++}` })
      },
    }
  }
  const listener = await listen({
    config: { host: '127.0.0.1', port: 0 },
    router: ({ port }) => createRouter({ targets: [{ name: 'bank', prefix: '/bank' }], hosts: new Set([`127.0.0.1:${port}`, `localhost:${port}`]) }),
    plain: new Map([['/healthz', (_request, response) => { response.end('ok') }]]),
    accept: (client) => { void protocol.run(client, door) },
    refused: ({ code, message }) => { record.push({ kind: 'refusal', code, message }) },
  })
  return {
    url: `http://127.0.0.1:${listener.address.port}/bank`, port: listener.address.port, record, target, abort,
    async close() {
      await listener.close(100)
      await access.close()
      upstream.closeAllConnections()
      await new Promise((resolve) => upstream.close(resolve))
    },
  }
}

/** What ended each call, in order: the final parts. */
export function outcomes(record: readonly Recorded[]): readonly MaskedPart[] {
  return record.flatMap(({ part }) => part?.summary.isFinal === true ? [part] : [])
}
