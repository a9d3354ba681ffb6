// The gateway as the conformance suites and the stock clients meet it: the production command, its own policy repository and keys, a real token.
// Every control is on: identity, the shipped policies and their masks, the record. Policy allows whatever the targets given here offer.
import fs from 'node:fs'
import path from 'node:path'
import { front, type Fronted } from '../e2e/fronted.ts'

export type FrontedServers = Omit<Fronted, 'origin' | 'port' | 'pid'> & {
  /** MCP endpoint of target `name`, as callers reach it. The host is `localhost`, as the conformance suite asks. */
  url(name: string): string
}

const tokenLifeS = 3_600

/** Pictures and sounds of the fixture: bytes beside masks pass where they are declared. */
const binary = ['test_image_content', 'test_audio_content', 'test_multiple_content_types', 'test://static-binary', 'test_prompt_with_image']

/** @param targets name → URL of the MCP server behind it */
export async function frontServers(targets: Readonly<Record<string, string>>): Promise<FrontedServers> {
  const names = Object.keys(targets)
  const fronted = await front({
    name: 'conformance', host: 'localhost', targets: names, groups: ['testers'], tokenLifeS,
    governed: Object.entries(targets).map(([name, url]) => ({ name, protocol: 'mcp', prefix: `/${name}`, env: 'test', upstream: { url }, catalogue: Object.fromEntries(binary.map((item) => [item, { effects: ['read'], opaque: true }])) })),
    prepare: (repository) => openTargets(repository, names),
  })
  return { ...fronted, url: (name) => `${fronted.origin}/${name}` }
}

/** One rule in each of the library's two places, and the group in the data: what an author would write for a target that is open to a team. */
function openTargets(repository: string, names: readonly string[]): void {
  const file = path.join(repository, 'data', 'data.json')
  const data = JSON.parse(fs.readFileSync(file, 'utf8')) as { targets: Record<string, unknown> }
  for (const name of names) data.targets[name] = { groups: ['testers'], open: true }
  fs.writeFileSync(file, JSON.stringify(data, null, 2))
  const folder = path.join(repository, 'policy', 'open')
  fs.mkdirSync(folder)
  fs.writeFileSync(path.join(folder, 'access.rego'), `package countersign.access

# METADATA
# title: Everything behind an open target is open to its groups
may_call(subject, resource) if {
	some name, target in data.targets
	target.open
	startswith(resource.id, concat("", [name, "/"]))
	in_any(subject, target.groups)
}
`)
  fs.writeFileSync(path.join(folder, 'open.rego'), `# METADATA
# title: Targets that are open to a team
# schemas:
#   - input: schema.input
package policies.open

allow if data.targets[input.resource.properties.target].open
`)
}
