// `countersign start` and `countersign token`: the whole system on embedded defaults, as processes on loopback.
import path from 'node:path'
import { parseArgs } from 'node:util'
import { adminUrl, issuerUrl, publicUrl } from './configuration.ts'
import { openHome } from './home.ts'
import { people } from './people.ts'
import { createSay } from './say.ts'
import { ciToken, personToken } from './sign-in.ts'
import { startStack } from './stack.ts'
import { StartError } from './start-error.ts'
import { runTour } from './tour.ts'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    dir: { type: 'string', default: '.countersign' }, tour: { type: 'boolean', default: false }, once: { type: 'boolean', default: false },
    user: { type: 'string' }, job: { type: 'string' }, for: { type: 'string', default: 'bank' },
  },
})

try {
  process.exitCode = positionals[0] === 'token' ? await printToken() : await start()
} catch (error) {
  // What this machine refuses (a port, a folder, a program) is told in its own words; anything else is our fault and shows where.
  if (!(error instanceof StartError) && !(error instanceof Error && 'syscall' in error)) throw error
  process.stderr.write(`countersign: ${error.message}\n`)
  process.exitCode = 2
}

async function start(): Promise<number> {
  const say = createSay(process.stdout)
  const startedAt = performance.now()
  const stopping = Promise.withResolvers<void>()
  // More than one may come: the terminal, npm and the launcher each send theirs.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.resolve())
  say.title('countersign: starting an identity provider, a PostgreSQL, an MCP server, an HTTP service, the policy and evidence repositories, and the gateway')
  const home = await openHome(path.resolve(values.dir))
  await using stack = await startStack(home, (line) => say.line(line))
  say.line(`all up after ${((performance.now() - startedAt) / 1000).toFixed(1)} s; the gateway was ready in ${stack.gateway.readyMs} ms`)

  if (values.tour || values.once) {
    const isDone = await Promise.race([runTour({ ...stack, home, say }).then(() => true), stopping.promise.then(() => false)])
    if (!isDone) return 1
    say.title(say.failures.length === 0 ? `Every step did what it says, in ${((performance.now() - startedAt) / 1000).toFixed(0)} s.` : `${say.failures.length} steps did not do what they say:`)
    for (const failure of say.failures) say.line(`✗ ${failure}`)
    if (values.once) {
      say.line(`Policy, record and keys stay in ${home.dir}; rego/README.md goes on from there with a change of policy.`)
      return say.failures.length === 0 ? 0 : 1
    }
  }
  next(home, say)
  const ended = await Promise.race([stopping.promise.then(() => null), stack.gateway.ended])
  if (ended !== null) say.line(`the gateway ended with ${ended}; its log is ${path.join(home.gateway, 'gateway.log')}`)
  say.title('stopping: draining calls, closing sessions, sealing the last batch')
  return ended === null ? 0 : 1
}

function next(home: Awaited<ReturnType<typeof openHome>>, say: ReturnType<typeof createSay>): void {
  const { ports } = home.secrets
  const dir = values.dir === '.countersign' ? '' : ` --dir ${home.dir}`
  say.title('Still running. Things to try:')
  say.command(`MCP server      ${publicUrl(ports)}/bank     (a bearer token: npx countersign token --user ana${dir})`)
  say.command(`HTTP service    ${publicUrl(ports)}/ledger/accounts/1001     (npx countersign token --user ana --for ledger${dir})`)
  say.command(`PostgreSQL      PGPASSWORD=$(npx countersign token --user ana --for appdb${dir}) psql -h 127.0.0.1 -p ${ports.postgres} -U ana postgres     (then: select id, name, ssn as x from customers limit 3;)`)
  say.command(`approvals       ${adminUrl(ports)}/approvals     (sign in as lena, password ${home.secrets.passwords['lena'] ?? ''})`)
  say.command(`policy          ${home.policy}: edit policy/*.rego, commit, and sign as two people: for who in eli lena; do npx countersign policy activate --repository ${home.policy} --sign ${home.people}/$who; done`)
  say.command(`the record      npx countersign evidence ls ${path.join(home.gateway, 'evidence')}`)
  say.command(`check it        npx countersign evidence verify --trust ${path.join(home.examiner, 'trust.json')} --since ${path.join(home.examiner, 'checkpoint')} ${path.join(home.gateway, 'evidence')}`)
  say.command(`who could read  npx countersign doctor --config ${path.join(home.gateway, 'gateway.yaml')}     (what the gateway's own role in the database could do by itself)`)
  say.command(`probes          ${adminUrl(ports)}/readyz  ${adminUrl(ports)}/metrics`)
  say.line('Ctrl-C stops and seals.')
}

async function printToken(): Promise<number> {
  const home = await openHome(path.resolve(values.dir), true)
  if (home.isNew) throw new StartError(`${home.dir} is not the folder of a running \`countersign start\``)
  const { ports } = home.secrets
  if (!['bank', 'ledger', 'appdb', 'admin'].includes(values.for)) throw new StartError('give --for bank|ledger|appdb|admin')
  const resource = values.for === 'admin' ? adminUrl(ports) : `${publicUrl(ports)}/${values.for}`
  if (values.job !== undefined) process.stdout.write(`${await ciToken(issuerUrl(ports), home.secrets.ci.privateKey, resource)}\n`)
  else if (people.some(({ name }) => name === values.user)) process.stdout.write(`${await personToken(issuerUrl(ports), values.user ?? '', home.secrets.passwords[values.user ?? ''] ?? '', resource)}\n`)
  else throw new StartError(`give --user ${people.map(({ name }) => name).join('|')} or --job ci-model-release`)
  return 0
}
