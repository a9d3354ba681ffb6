// What `policy test` and `policy check --watch` take: 200 tests of 10 packages beside the shipped library, made here.
// `node test/bench/policy-tests.ts`: wall clock of whole commands (cold) and of requests to a compiler that stays (warm), minimum of some.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { shippedCapabilities } from '../../rego/capabilities.ts'
import { checkPolicies, testPolicies } from '../../rego/compiler.ts'
import { readPolicyFolder, shippedFolder } from '../../rego/folder.ts'
import type { PolicySource } from '../../rego/source.ts'
import { Toolchain } from '../../rego/toolchain/process.ts'

const packages = 10
const testsEach = 20
const rounds = 12

/** One package: a rule that refuses, one that holds, and tests of both; two of twenty ask for the whole decision. */
function packageOf(n: number): [string, string][] {
  const name = `p${n}`
  const rules = `# METADATA
# title: Rules of ${name}
# schemas:
#   - input: schema.input
# custom:
#   controls: [FFIEC-IS-II.C.15]
package policies.${name}

allow if input.resource.id in data.${name}.tools

deny contains {"id": "${name}.large", "msg": "Too large.", "controls": []} if {
	input.resource.id in data.${name}.tools
	input.request.arguments.amount > data.${name}.limit
}

require contains {"id": "${name}.held", "msg": "Held.", "controls": [], "approval": data.approvals.lead} if {
	input.resource.id in data.${name}.tools
	some label in input.resource.properties.labels
	label == "pii"
}
`
  const tests = Array.from({ length: testsEach }, (_, i) => (i < 2
    ? `test_decision_${i} if request.decision.effect == "deny" with input as ask(${2000 + i}, [])\n`
    : `test_rule_${i} if {\n\tsaid := {entry.id | some entry in (${name}.deny | ${name}.require)} with input as ask(${i * 75}, ["pii"])\n\tsaid == {"${name}.held"} | {"${name}.large" | ${i * 75} > 1000}\n}\n`)).join('\n')
  const head = `package ${name}_test

import data.countersign.request
import data.policies.${name}

ask(amount, labels) := {
	"v": 1,
	"subject": {"type": "user", "id": "idp|u", "properties": {"groups": ["analysts"]}},
	"action": {"name": "tools/call", "properties": {"effects": ["read"]}},
	"resource": {"type": "tool", "id": "t/${name}", "properties": {"target": "t", "env": "test", "labels": labels}},
	"request": {"protocol": "mcp", "arguments": {"amount": amount}},
	"findings": {"pii": {"status": "ok", "classes": []}, "projected": []},
}
`
  return [
    [`policy/${name}/${name}.rego`, rules],
    [`policy/${name}/${name}_test.rego`, `${head}\n${tests}`],
    [`policy/${name}/access.rego`, `package countersign.access\n\nmay_call(subject, resource) if {\n\tresource.id in data.${name}.tools\n\tin_any(subject, ["analysts"])\n}\n`],
    [`data/${name}/data.json`, JSON.stringify({ tools: [`t/${name}`], limit: 1000 })],
  ]
}

function generated(): PolicySource {
  const library = [...readPolicyFolder(shippedFolder)].filter(([file]) => /^(policy\/lib|schema|data)\//.test(file) && !file.endsWith('_test.rego'))
  const made = Array.from({ length: packages }, (_, n) => packageOf(n)).flat()
  return new Map([...library, ...made.map(([file, text]): [string, Uint8Array] => [file, new TextEncoder().encode(text)])])
}

function cold(verb: string, ...folder: readonly string[]): number {
  const binary = path.join(import.meta.dirname, '../../gateway/countersign.js')
  return best(() => execFileSync(process.execPath, [binary, 'policy', verb, ...folder], { stdio: 'ignore' }))
}

function best(work: () => unknown): number {
  return Math.min(...Array.from({ length: rounds }, () => {
    const began = performance.now()
    work()
    return performance.now() - began
  }))
}

async function warm(work: () => Promise<unknown>): Promise<number> {
  let least = Infinity
  for (let i = 0; i <= rounds; i++) {
    const began = performance.now()
    await work()
    least = Math.min(least, performance.now() - began)
  }
  return least
}

const files = generated()
const folder = mkdtempSync(path.join(tmpdir(), 'policy-tests-'))
try {
  for (const [name, bytes] of files) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
    writeFileSync(path.join(folder, name), bytes)
  }
  using toolchain = new Toolchain({ isKept: true })
  const capabilities = shippedCapabilities()
  const shipped = readPolicyFolder(shippedFolder)
  const { tests } = await testPolicies({ toolchain, files, capabilities })
  if (tests.some(({ outcome }) => outcome !== 'pass')) throw new Error('a generated test fails')
  const row = (what: string, ms: number) => console.log(`${what.padEnd(44)} ${ms.toFixed(0).padStart(6)} ms`)
  row(`test, ${tests.length} generated tests, warm`, await warm(() => testPolicies({ toolchain, files, capabilities })))
  row(`test, ${tests.length} generated tests, cold`, cold('test', folder))
  row('check, generated, warm', await warm(() => checkPolicies({ toolchain, files, capabilities })))
  row('check, shipped, warm', await warm(() => checkPolicies({ toolchain, files: shipped, capabilities })))
  row('test, shipped, warm', await warm(() => testPolicies({ toolchain, files: shipped, capabilities })))
  row('check, shipped, cold', cold('check'))
  row('test, shipped, cold', cold('test'))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
