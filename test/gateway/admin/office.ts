// The admin listener as the gateway composes it: real provider, real store, real pages, on loopback.
import { Registry } from 'prom-client'
import { approvalsApi, startAdmin, type Admin, type Readiness } from '../../../gateway/admin/index.ts'
import { consolePages } from '../../../gateway/console/index.ts'
import { createIdentity, type Identity } from '../../../gateway/identity/index.ts'
import { isRefusal } from '../../../gateway/refusal.ts'
import { freePort } from '../../../scripts/demo/free-port.ts'
import { exportCall, person, requester, returning, scene, type Scene, type Wanted } from '../approval/scene.ts'
import { startTestProvider, type TestProvider } from '../identity/provider.ts'

export interface Office extends AsyncDisposable {
  readonly admin: Admin
  readonly provider: TestProvider
  readonly identity: Identity
  readonly scene: Scene
  readonly metrics: Registry
  readiness: Readiness
  /** A request of ana's that waits. */
  hold(wanted?: Wanted): Promise<string>
  /** An access token for the admin listener, or another audience. */
  token(name: string, groups: readonly string[], audience?: string): Promise<string>
}

export async function office(groupsAtUserinfo = false): Promise<Office> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const provider = await startTestProvider({ resources: [url, 'https://gw.example/bank'], people: { ana: ['analysts'], lena: ['leads'], otto: ['leads'], vera: ['risk'] }, consoleRedirectUri: `${url}/sign-in/callback`, groupsAtUserinfo })
  const at = scene()
  at.clock = Date.now()
  const identity = createIdentity({ providers: [provider.config], offBoarded: [], sponsors: {}, now: Date.now })
  const metrics = new Registry()
  const it: Omit<Office, 'admin'> & { admin?: Admin } = {
    provider, identity, scene: at, metrics, readiness: { isReady: true, checks: [{ name: 'policy', isOk: true }] },
    async hold(wanted) {
      const held = await at.approvals.obtain(exportCall(wanted), requester(person('ana', ['analysts'], { id: `${provider.issuer}|ana` })), returning)
      if (!isRefusal(held) || held.approval === undefined) throw new Error('the call was not held')
      return held.approval.id
    },
    token: (sub, groups, aud = url) => provider.forge({ sub, groups, aud }),
    async [Symbol.asyncDispose]() {
      await it.admin?.close()
      await provider.close()
      await at[Symbol.asyncDispose]()
    },
  }
  await using opened = new AsyncDisposableStack()
  opened.use(it)
  it.admin = await startAdmin({
    host: '127.0.0.1', port, metrics, readiness: () => it.readiness,
    routes: [approvalsApi({ desk: at.approvals, identity, audience: () => url }), consolePages({ desk: at.approvals, identity, providers: () => [provider.config], url: () => url, now: Date.now })],
  })
  opened.move()
  return it as Office
}
