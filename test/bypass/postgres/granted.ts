// The leaks once more, for somebody whom policy grants every effect: DDL, rights, functions. Only masks and the rules on sensitive columns are left between him and the values.
// Half of `npm run conformance`, for it takes minutes; run by itself it plays the rows whose name has the argument in it.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { startCluster } from '../../e2e/cluster.ts'
import type { Outcome } from '../../conformance/outcome.ts'
import { PostgresClient, texts } from '../../e2e/postgres-client.ts'
import { frontPostgres } from '../../e2e/postgres-gateway.ts'
import { sensitive } from '../../e2e/postgres-kit.ts'
import { isAlone, openDatabases } from './databases.ts'
import { play, prepare } from './play.ts'
import { formsOf, seen } from './reveal.ts'
import { canaryOf, leak } from './row.ts'
import { rows } from './rows/index.ts'

const atATime = 6
const shownFailures = 40

export async function grantedAttacks(part = ''): Promise<readonly Outcome[]> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-granted-'))
  const server = await startCluster(folder)
  const direct = (user: string, database: string) => PostgresClient.connect({ port: server.port, user, database })
  const first = await direct('bank', 'postgres')
  await first.simple('create role app login; grant create on database postgres to app')
  first.destroy()
  const gateway = await frontPostgres({ host: '127.0.0.1', port: server.port }, [{ name: 'granted', durability: 'bounded', catalogue: { 'public.customers': { result: sensitive } } }], { grant: 'leads' })
  const through = { port: gateway.port('granted'), user: 'app', password: gateway.token }
  const { databases, all } = await openDatabases(atATime, direct, { ...through, database: 'postgres' })
  const failures: string[] = []
  const limits: string[] = []
  const met = { served: 0, refused: 0 }
  let honest = 0
  try {
    const asked = leak('a reader asks for what he may see', ['create table made as select 1', 'select id, name, ssn from customers order by id'])
    await databases.use(false, async ({ name, direct: at }) => {
      await prepare(at, asked, canaryOf(rows.length))
      const played = await play({ ...through, database: name }, at, asked, canaryOf(rows.length))
      honest = texts(played.replies).filter(([, , ssn]) => ssn === '[REDACTED:pg.ssn]').length
    })
    await Promise.all(rows.map(async (row, index) => {
      if (row.kind !== 'leak' || !row.name.includes(part)) return
      const canary = canaryOf(index)
      await databases.use(isAlone(row, JSON.stringify(row.attack(canary))), async ({ name, direct: at }) => {
        await prepare(at, row, canary)
        const played = await play({ ...through, database: name }, at, row, canary)
        met[played.codes.length + played.lost === 0 ? 'served' : 'refused']++
        const found = [...seen(formsOf(canary, row.also(canary)), played.received, played.replies), ...played.told, ...played.isLate ? ['no answer in time'] : []]
        if (row.grantedLimit !== undefined || row.limit !== undefined) limits.push(`${row.name}${found.length === 0 ? ' (none any more)' : ''}`)
        else if (found.length > 0) failures.push(`${row.name} [${found.join(', ').slice(0, 120)}]`)
      }).catch((error: unknown) => { failures.push(`${row.name} [${error instanceof Error ? error.message : String(error)}]`) })
    }))
  } finally {
    for (const { direct: at } of all) at.superuser.destroy()
    await gateway.stop()
    gateway.remove()
    await server.stop()
    fs.rmSync(folder, { recursive: true, force: true })
  }
  return [
    { name: 'who may do everything is served, with the sensitive columns masked', passed: honest === 2, detail: `${honest} of 2 rows` },
    { name: 'nothing is learnt by who may do everything', passed: failures.length === 0, detail: `${met.served} rows served, ${met.refused} refused at some step; ${failures.length} leaks${failures.length === 0 ? '' : `: ${failures.slice(0, shownFailures).join('; ')}`}; declared limits: ${limits.join('; ') || 'none'}` },
  ]
}

if (import.meta.main) for (const { name, passed, detail } of await grantedAttacks(process.argv[2])) process.stdout.write(`${passed ? 'ok  ' : 'FAIL'} ${name}: ${detail}\n`)
