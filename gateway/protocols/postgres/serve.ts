// One connection from its first byte: who is there, where it goes, and the session that joins both.
import { randomBytes } from 'node:crypto'
import type { SessionEnd } from '../../call.ts'
import type { PostgresConfig, TargetConfig } from '../../config.ts'
import type { ByteConnection, ConnectionEnd, Door, Gate } from '../../protocol.ts'
import { refusal, RefusalError } from '../../refusal.ts'
import { ticketParameter } from '../../ticket.ts'
import type { PostgresUpstream } from './dial.ts'
import { Few } from './few.ts'
import { RowKernel } from './mask/kernel/row-kernel.ts'
import { createReach, type Reach } from './mask/reach.ts'
import { encodeBackendKeyData, encodeError, encodeParameterStatus, encodeReady, isLong } from './messages.ts'
import type { PostgresOperation, StatementViews } from './operation.ts'
import { declaredClasses, type ClassOf } from './operation/declared.ts'
import { errorOf } from './refuse.ts'
import { overWords, Session } from './session.ts'
import { createAside } from './session/aside.ts'
import { Backlog } from './session/backlog.ts'
import { createAnalyser, type Analyser } from './sql/analyse.ts'
import { Catalogue, type Ask } from './sql/catalogue.ts'
import { traceStatement } from './sql/lineage.ts'
import { createParser } from './sql/parser.ts'
import { CancelKeys } from './wire/cancel-keys.ts'
import { methodsFor, signIn } from './wire/credential.ts'
import { farewell, type TurnedAway } from './wire/farewell.ts'
import type { LoggedIn } from './wire/login.ts'
import { LoginError } from './wire/login-error.ts'
import { authenticationTimeoutMs, welcome, type Welcome } from './wire/welcome.ts'

type PostgresDoor = Door<PostgresOperation, PostgresUpstream>
type PostgresGate = Gate<PostgresOperation, PostgresUpstream>
type Startup = Extract<Welcome, { kind: 'startup' }>

/** Of another config the server may be another one. */
interface Shared { readonly catalogues: Map<string, Catalogue>; /** By user and database. */ readonly asides: Map<string, Ask>; readonly classOf: ClassOf; readonly reach: Reach; readonly views: StatementViews }

/** A name may be a client's own word; one that is forgotten ends when it is idle. */
const maxAsides = 1_000

export interface Host { serve(client: ByteConnection, door: PostgresDoor): Promise<ConnectionEnd> }

/** Owns what sessions share: the parser, the row kernel, each database's catalogue, what waits for the record, and the cancel keys. */
export function createHost({ now }: { readonly now: () => number }): Host {
  const keys = new CancelKeys<Session>(now)
  const shared = new WeakMap<TargetConfig, Shared>()
  let analyser: Promise<Analyser> | undefined
  let kernel: RowKernel | undefined
  const backlog = new Backlog()

  const catalogueOf = ({ catalogues }: Shared, database: string): Catalogue => {
    let catalogue = catalogues.get(database)
    if (catalogue === undefined) catalogues.set(database, catalogue = new Catalogue(now))
    return catalogue
  }

  /** For all sessions of one user: what the catalogue says is the same to each of them. */
  const asideOf = ({ asides }: Shared, { access }: PostgresUpstream, user: string, database: string): Ask => {
    const key = `${user}\0${database}`
    let aside = asides.get(key)
    if (aside === undefined) {
      if (asides.size >= maxAsides) asides.clear()
      asides.set(key, aside = createAside(access, user, database))
    }
    return aside
  }

  /** What follows from a target's governed config alone. */
  const sharedOf = (target: TargetConfig): Shared => {
    let found = shared.get(target)
    if (found === undefined) {
      const classOf = declaredClasses(target)
      shared.set(target, found = { catalogues: new Map(), asides: new Map(), classOf, reach: createReach(classOf), views: new WeakMap() })
    }
    return found
  }

  async function serve(client: ByteConnection, door: PostgresDoor): Promise<ConnectionEnd> {
    const { target } = door
    const config = target.postgres
    if (config === undefined) throw new Error(`target ${target.name} has no PostgreSQL settings`)
    const deadline = AbortSignal.timeout(authenticationTimeoutMs)
    const turnAway = ({ code, reason }: TurnedAway): void => { if (code !== undefined) door.turnAway(refusal(code, reason), client.peer) }
    const greeted = await welcome(client, { allowAnyParameters: config.parameters === 'any' }, deadline)
    if (greeted.kind === 'ended') {
      turnAway(greeted)
      return 'aborted'
    }
    if (greeted.kind === 'cancel') {
      const match = keys.find(greeted.pid, greeted.key, client.peer.ip)
      if (match.kind === 'session') await match.session.cancel()
      client.socket.destroySoon()
      return 'ended'
    }
    const { socket } = greeted
    const entered = await signIn({ socket, user: greeted.user, peer: client.peer }, door, methodsFor(greeted.user, config), deadline)
    if (entered.kind === 'ended') {
      turnAway(entered)
      return 'refused'
    }
    const { gate } = entered
    try {
      if (config.databases !== undefined && !config.databases.includes(greeted.database)) throw new RefusalError(refusal('request.unknown_target', `database "${greeted.database}" is not served here`))
      return await join(greeted, door, gate, config)
    } catch (error) {
      if (!(error instanceof RefusalError)) throw error
      const { code, message } = error.refusal
      const refused = await gate.refuse(code, message)
      const { sqlState, said } = error instanceof LoginError && refused.code === code ? error : {}
      // Where any start-up parameter goes through, so does what the server says of it.
      farewell(socket, said !== undefined && config.parameters === 'any' ? encodeError(said) : errorOf(refused, { severity: 'FATAL', ...sqlState === undefined ? {} : { sqlState } }))
      return 'refused'
    } finally {
      gate.close()
    }
  }

  async function join(startup: Startup, { target, masking }: PostgresDoor, gate: PostgresGate, config: PostgresConfig): Promise<ConnectionEnd> {
    analyser ??= createParser().then((parser) => createAnalyser(parser, traceStatement))
    const sql = await analyser
    kernel ??= new RowKernel()
    const upstream = await gate.open()
    const { socket, minor } = startup
    const ticket = startup.parameters.get(ticketParameter) ?? ''
    const parameters = new Map([...startup.parameters].filter(([name]) => name !== ticketParameter))
    const user = target.upstream.user ?? startup.user
    const database = upstream.databaseFor(startup.database)
    if (isLong(user) || isLong(database)) throw new RefusalError(refusal('request.params', 'The name of a user or database is longer than 63 bytes: the server would take it for another'))
    const gone = new AbortController()
    const leave = (): void => gone.abort()
    socket.once('close', leave)
    if (socket.destroyed) leave()
    let signedIn: LoggedIn
    try {
      signedIn = await upstream.start({ user, database, parameters, signal: AbortSignal.any([gate.signal, gone.signal]) })
    } catch (error) {
      if (gone.signal.aborted) return 'aborted'              // who hangs up is refused nothing
      if (!gate.signal.aborted) throw error
      const [message, code] = overWords[gate.signal.reason as SessionEnd]
      throw new RefusalError(refusal(code, message), error)
    } finally {
      socket.off('close', leave)
    }
    const shared = sharedOf(target)
    const session = new Session({
      socket, gate, upstream, masking, config, analyser: sql,
      about: { target, database, user, nonce: randomBytes(16).toString('hex'), ...ticket === '' ? {} : { ticket }, views: shared.views, runs: new Few() },
      catalogue: catalogueOf(shared, database), aside: asideOf(shared, upstream, user, database), serverEncoding: signedIn.parameters.get('server_encoding'), classOf: shared.classOf, reach: shared.reach, kernel, backlog,
    })
    const key = keys.issue(session, minor, signedIn.pid)
    try {
      for (const [parameter, value] of signedIn.parameters) socket.write(encodeParameterStatus(parameter, value))
      socket.write(Buffer.concat([encodeBackendKeyData(key.pid, key.key), encodeReady(signedIn.status)]))
      return await session.run()
    } finally {
      key.release()
    }
  }
  return { serve }
}
