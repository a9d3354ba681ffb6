// Bundles for the tests of the host: the shipped policies, and one whose answers go wrong in every way when asked to.
import { shippedCapabilities } from '../../rego/capabilities.ts'
import { readPolicyFolder, shippedFolder } from '../../rego/folder.ts'
import { compileBundle } from '../../rego/index.ts'

export const shipped = readPolicyFolder(shippedFolder)

export function compileShipped(): Promise<Uint8Array> {
  return compileBundle({ files: shipped, revision: 'shipped', serial: 1, capabilities: shippedCapabilities() })
}

export const hostile = `package countersign.request

good := {"effect": "allow", "reasons": [], "approval": null, "mask": [], "limits": {}, "record": {"level": "body", "retention": "7y"}, "obligations": []}

mode := input.request.arguments.mode

decision := good if mode == "good"

decision := object.union(good, {"reasons": input.request.arguments.reasons}) if mode == "reasons"

decision := {"effect": "allow"} if mode == "malformed"

decision := object.union(good, {"effect": "perhaps"}) if mode == "unknown effect"

decision := object.union(good, {"effect": "require"}) if mode == "require without approval"

decision := object.union(good, {"obligations": [{"id": "o", "type": "step-up"}]}) if mode == "obligation"

decision := "allow" if mode == "text"

decision := good if mode == "conflict"

decision := "other" if mode == "conflict"

decision := good if {
	mode == "loop"
	r := numbers.range(1, 3000)
	count([a | some a in r; some b in r; some c in r; c < 0]) == 0
}

decision := good if {
	mode == "memory"
	count(concat("", [input.request.arguments.text | some _ in numbers.range(1, 30000)])) > 0
}
`

export const visible = `package countersign.list

visible := input.items if input.subject.id == "echo"

visible := [true | some _ in input.items] if input.subject.id == "all"
`

export function compileSources(files: Record<string, string>): Promise<Uint8Array> {
  return compileBundle({ files: new Map(Object.entries({ 'policy/visible.rego': visible, ...files }).map(([name, text]) => [name, new TextEncoder().encode(text)])), revision: 'test', serial: 7, capabilities: shippedCapabilities() })
}
