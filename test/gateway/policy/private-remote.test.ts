// A policy repository at a bank: a private authority's HTTPS server, or SSH with a key of the gateway's own; and what neither may do to it.
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { proposeActivation } from '../../../gateway/policy/index.ts'
import { shippedCapabilities } from '../../../rego/index.ts'
import { newAuthority } from '../protocols/postgres/wire/certificates.ts'
import { followRemote, type Follower } from './follower.ts'
import { startGitServer, type GitServer } from './git-server.ts'
import { keep, lena, type Kept } from './two-people.ts'

const folders = (process.env['PATH'] ?? '').split(':')
const realGit = folders.map((folder) => join(folder, 'git')).find((path) => fs.existsSync(path))
const withGit = realGit === undefined ? test.skip : test

const authority = newAuthority(), stranger = newAuthority('Test Authority')
const served = authority.issue('git.bank.example', { ip: '127.0.0.1', dns: ['localhost'] })

let kept: Kept
test.before(async (t) => {
  t.timeout(120_000)
  kept = await keep()
  const { statement } = await proposeActivation(kept.dir, { commit: 'main', kind: 'activation', capabilities: shippedCapabilities() })
  await kept.sign(statement, lena)
  await kept.activation.start()
  fs.writeFileSync(join(kept.dir, '..', 'bank.pem'), authority.cert)
  fs.writeFileSync(join(kept.dir, '..', 'stranger.pem'), stranger.cert)
})
test.after.always(() => { kept[Symbol.dispose]() })

const near = (name: string) => join(kept.dir, '..', name)
const serve = async (tls = served): Promise<GitServer> => await startGitServer(join(kept.dir, '..'), tls)

async function follow(t: ExecutionContext, url: string, options: Parameters<typeof followRemote>[2]): Promise<Follower> {
  const follower = followRemote(kept, url, options)
  t.teardown(() => { follower[Symbol.dispose]() })
  await follower.activation.start()
  return follower
}

const home = (name: string, settings: string): string => {
  fs.mkdirSync(near(name), { recursive: true })
  fs.writeFileSync(join(near(name), '.gitconfig'), settings)
  return near(name)
}

withGit('a repository behind a private authority is followed by `ca`, in Git\'s second protocol', async (t) => {
  await using server = await serve()
  const { activation, said } = await follow(t, server.url('policy/.git'), { access: { https: { ca: near('bank.pem') } } })
  t.is(activation.active()?.serial, 1, said.join())
  t.deepEqual(new Set(server.protocols), new Set(['version=2']))
})

const untrusted: readonly (readonly [string, () => Promise<GitServer>, (url: string) => string, string, RegExp])[] = [
  ['by an authority that is not known', serve, (url) => url, '', /a certificate that is not to be trusted/],
  ['by another authority than the one of `ca`, also of the same name', serve, (url) => url, 'stranger.pem', /a certificate that is not to be trusted/],
  ['for another host', () => serve(authority.issue('other', { dns: ['other.bank.example'] })), (url) => url.replace('127.0.0.1', 'localhost'), 'bank.pem', /a certificate for another host/],
  ['whose time has passed', () => serve(authority.issue('old', { ip: '127.0.0.1', until: '260101000000Z' })), (url) => url, 'bank.pem', /a certificate (whose time has passed|that is not to be trusted: its time has passed)/],
]
for (const [title, start, address, ca, message] of untrusted) {
  withGit(`a certificate ${title} is refused with a code of its own, and nothing is asked`, async (t) => {
    await using server = await start()
    // Neither a wish of the operator's Git settings nor a variable opens it.
    const url = address(server.url('policy/.git'))
    const HOME = home(`home-${message.source.length}-${ca}`, `[http "${url}"]\n\tsslVerify = false\n[http]\n\tsslVerify = false\n`)
    const environment = { PATH: process.env['PATH'], HOME, ...ca === '' ? {} : { GIT_SSL_CAINFO: near('bank.pem') }, GIT_SSL_NO_VERIFY: '1' }
    const { activation, events, said } = await follow(t, url, { environment, ...ca === '' ? {} : { access: { https: { ca: near(ca) } } } })
    t.is(activation.active(), undefined)
    t.is(events[0]?.reason?.code, 'ERR_POLICY_REMOTE_UNTRUSTED', said.join())
    t.regex(events[0]?.reason?.message ?? '', message, said.join())
    t.deepEqual(server.requests, [])
  })
}

withGit('a file of authorities that is not there is said by its name, and nobody else\'s counts', async (t) => {
  await using server = await serve()
  const { events } = await follow(t, server.url('policy/.git'), { access: { https: { ca: near('nowhere.pem') } } })
  t.like(events[0]?.reason, { code: 'ERR_POLICY_REMOTE', message: `policy.https.ca: ${near('nowhere.pem')} cannot be read` })
  t.deepEqual(server.requests, [])
})

for (const [title, admits, https] of [
  ['a bearer token', 'Bearer hunter2', { secret: 'hunter2' }],
  ['a password', `Basic ${Buffer.from('countersign:hunter2').toString('base64')}`, { user: 'countersign', secret: 'hunter2' }],
] as const) {
  withGit(`${title} from a secret lets the gateway in, and a wrong one is said without it; nobody else is asked for one`, async (t) => {
    await using server = await serve()
    server.admits = admits
    const asked = near(`asked-${https.secret.length}`)
    const environment = { PATH: process.env['PATH'], HOME: home('home-helper', `[credential]\n\thelper = "!touch '${asked}'; false"\n`) }
    const url = server.url('policy/.git'), ca = near('bank.pem')
    const { activation, said } = await follow(t, url, { environment, access: { https: { ca, ...https } } })
    t.is(activation.active()?.serial, 1, said.join())
    const wrong = await follow(t, url, { environment, access: { https: { ca, ...https, secret: 'hunter3' } } })
    t.like(wrong.events[0]?.reason, { code: 'ERR_POLICY_REMOTE', message: 'the remote policy repository does not let the gateway in: its credential is missing, wrong or of somebody who may not read' })
    t.false(JSON.stringify([wrong.said, wrong.events]).includes('hunter'))
    t.false(fs.existsSync(asked))
  })
}

withGit('a redirect takes neither the gateway nor its token elsewhere', async (t) => {
  await using server = await serve()
  await using other = await serve()
  server.instead = (request, response) => { response.writeHead(301, { location: `${other.url('policy/.git')}${String(request.url).replace(/^.*\.git/, '')}` }).end() }
  const { events } = await follow(t, server.url('policy/.git'), { access: { https: { ca: near('bank.pem'), secret: 'hunter2' } } })
  t.is(events[0]?.reason?.message, 'the remote policy repository sends elsewhere, where Git does not follow')
  t.deepEqual(other.requests, [])
})

withGit('a server that drips is left at the deadline', async (t) => {
  await using server = await serve()
  const timers: NodeJS.Timeout[] = []
  t.teardown(() => { for (const timer of timers) clearInterval(timer) })
  server.instead = (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/x-git-upload-pack-advertisement' })
    timers.push(setInterval(() => response.write('0'), 50))
  }
  const { events } = await follow(t, server.url('policy/.git'), { access: { https: { ca: near('bank.pem') } }, limits: { listMs: 1_500 } })
  t.like(events[0]?.reason, { code: 'ERR_POLICY_REMOTE', message: 'the remote policy repository did not answer within 1.5 s' })
})

withGit('a pack that is larger than allowed is cut off, and leaves what was there', async (t) => {
  using at = await keep(join(kept.dir, '..'))
  await at.change({ 'notes.txt': randomBytes(3 * 1024 * 1024).toString('base64') }, lena)
  await using server = await startGitServer(join(at.dir, '..'), served)
  const { events, mirror, said } = await follow(t, server.url('policy/.git'), { access: { https: { ca: near('bank.pem') } }, limits: { packBytes: 1024 * 1024 } })
  t.like(events[0]?.reason, { code: 'ERR_POLICY_REMOTE', message: 'the remote policy repository sent a pack that is larger than allowed, or damaged' }, said.join())
  t.true(fs.readdirSync(join(mirror, 'objects', 'pack')).every((name) => fs.statSync(join(mirror, 'objects', 'pack', name)).size <= 1024 * 1024))
})

/** A folder with programs of these names, first on PATH. */
function programs(name: string, scripts: Readonly<Record<string, string>>): string {
  fs.mkdirSync(near(name), { recursive: true })
  for (const [program, script] of Object.entries(scripts)) fs.writeFileSync(join(near(name), program), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  return [near(name), ...folders].join(':')
}

withGit('a mirror\'s object that Git does not read in time is given up, and the next is asked of another child', async (t) => {
  await using server = await serve()
  const hangs = near('hangs')
  fs.writeFileSync(hangs, '')
  const PATH = programs('hanging', { git: `case "$*" in *cat-file*) [ -e '${hangs}' ] && exec sleep 1000 ;; esac\nexec '${realGit}' "$@"` })
  const { activation, events } = await follow(t, server.url('policy/.git'), { environment: { PATH }, access: { https: { ca: near('bank.pem') } }, limits: { readMs: 300 } })
  t.is(activation.active(), undefined)
  t.is(events[0]?.reason?.code, 'ERR_POLICY_REPOSITORY')
  t.regex(events[0]?.reason?.message ?? '', /commit [0-9a-f]{40} cannot be read$/)
  fs.rmSync(hangs)
  const again = await follow(t, server.url('policy/.git'), { environment: { PATH }, access: { https: { ca: near('bank.pem') } } })
  t.is(again.activation.active()?.serial, 1)
})

withGit('over SSH with a key of its own: one file, for its owner, gone afterwards; no agent, no settings, no prompt', async (t) => {
  const seen = near('seen')
  const PATH = programs('ssh', { ssh: `i=0; for last; do case "$last" in IdentityFile=*) key=$(printf %s "\${last#*=}" | tr -d '"') ;; esac; done\n{ printf '%s\\n' "$@"; stat -c %a "$key"; cat "$key"; env; } > '${seen}'\nexec sh -c "$last"` })
  const knownHosts = near('known hosts 100%')
  fs.writeFileSync(knownHosts, '')
  const environment = { PATH, HOME: near('home'), SSH_AUTH_SOCK: '/tmp/agent', GIT_SSH_COMMAND: 'false', GIT_SSH: 'false' }
  const { activation, said, mirror } = await follow(t, `ssh://git@policy.bank.example:2222${kept.dir}/.git`, { environment, access: { ssh: { key: '-----BEGIN TEST KEY-----\nhunter2\n-----END TEST KEY-----', knownHosts } } })
  t.is(activation.active()?.serial, 1, said.join())
  const lines = fs.readFileSync(seen, 'utf8').split('\n')
  for (const word of ['-F', '/dev/null', 'StrictHostKeyChecking=yes', `UserKnownHostsFile="${knownHosts.replace('%', '%%')}"`, 'IdentityAgent=none', 'IdentitiesOnly=yes', 'BatchMode=yes', '-p', '2222', 'git@policy.bank.example', '600', 'hunter2', '-----END TEST KEY-----']) t.true(lines.includes(word), word)
  t.false(lines.some((line) => line.startsWith('SSH_AUTH_SOCK=')))
  t.deepEqual(fs.readdirSync(mirror).filter((name) => name.includes('key')), [])
})
