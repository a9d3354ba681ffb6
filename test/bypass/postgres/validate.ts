// `node test/bypass/postgres/validate.ts [part of a name]`: plays every attack at the server itself. A row that does not bite there proves nothing through a gateway.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { startCluster } from '../../e2e/cluster.ts'
import { PostgresClient, texts } from '../../e2e/postgres-client.ts'
import { filled, play, prepare } from './play.ts'
import { formsOf, seen } from './reveal.ts'
import { canaryOf } from './row.ts'
import { rows } from './rows/index.ts'

const [part = ''] = process.argv.slice(2)
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-bypass-'))
const server = await startCluster(folder)
const names = new Set<string>()
let toothless = 0
try {
  const superuser = await PostgresClient.connect({ port: server.port, user: 'bank', database: 'postgres' })
  await superuser.simple('create role app login; grant create on database postgres to app')
  const direct = { superuser, app: () => PostgresClient.connect({ port: server.port, user: 'app', database: 'postgres' }) }
  for (const [index, row] of rows.entries()) {
    if (names.has(row.name + row.kind)) { toothless++; process.stdout.write(`TWICE "${row.name}"\n`) }
    names.add(row.name + row.kind)
    if (!row.name.includes(part)) continue
    const canary = canaryOf(index)
    try {
      await prepare(direct, row, canary)
      const played = await play({ port: server.port, user: 'app', database: 'postgres' }, direct, row, canary)
      const found = [...seen(formsOf(canary, row.also(canary)), played.received, played.replies), ...played.told]
      const isIntact = row.kind === 'leak' ? true : texts(await superuser.simple(filled(row.intact, canary)))[0]?.[0] === 't'
      const bites = row.kind === 'leak' ? found.length > 0 : !isIntact
      if (!bites) { toothless++; process.stdout.write(`TOOTHLESS ${row.kind} "${row.name}": ${played.codes.join(' ')} lost ${played.lost} ${played.replies.filter(({ tag }) => tag === 'E').map(({ body }) => body.toString().replaceAll('\0', ' ').slice(0, 200)).join(' | ')}\n`) }
      else if (part !== '') process.stdout.write(`bites "${row.name}": ${found.join(', ')}\n`)
    } catch (error) {
      toothless++
      process.stdout.write(`BROKEN ${row.kind} "${row.name}": ${error instanceof Error ? error.message : String(error)}\n`)
    }
  }
  superuser.destroy()
} finally {
  await server.stop()
  fs.rmSync(folder, { recursive: true, force: true })
}
process.stdout.write(`${rows.length} rows, ${rows.filter(({ kind }) => kind === 'leak').length} leak, ${rows.filter(({ kind }) => kind === 'destroy').length} destroy; ${toothless} do not bite\n`)
process.exitCode = toothless === 0 ? 0 : 1
