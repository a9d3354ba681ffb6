# METADATA
# title: The house's own rules
# description: |
#   What holds beside the packs, whatever the protocol. Write yours here, or in a package of its own below policy/: rules of the same
#   name add up, deny beats require beats allow, and what no rule allows is denied.
# schemas:
#   - input: schema.input
# custom:
#   controls: [FFIEC-IS-II.C.15]
package policies.house

# METADATA
# title: Agents change nothing in production
# description: An agent may do what data lists. Anything else, and what nobody declared, is for a person to do.
# custom:
#   controls: [FFIEC-IS-II.C.7(c), FFIEC-DAM-IV.I.1]
deny contains {
	"id": "house.agent_change",
	"msg": "Agents change nothing in production. Do not retry: ask a person to make this change, or make it in test.",
	"severity": "high",
	"controls": ["FFIEC-IS-II.C.7(c)", "FFIEC-DAM-IV.I.1"],
} if {
	input.subject.type == "agent"
	input.resource.properties.env == "prod"
	not is_open_to_agents
}

# METADATA
# title: What is restricted needs a lead
# description: The label stands in config.yaml, at a target or at one entry of its catalogue.
# custom:
#   controls: [FFIEC-IS-II.C.7(c)]
require contains {
	"id": "house.restricted",
	"msg": "This is restricted, so a lead looks at it first.",
	"severity": "medium",
	"controls": ["FFIEC-IS-II.C.7(c)"],
	"approval": data.approvals.lead,
} if {
	"restricted" in input.resource.properties.labels
	not is_plumbing
}

# A rule of its own, since `not` on something that is missing would say nothing at all.
is_open_to_agents if {
	every effect in input.action.properties.effects { effect in data.house.agent_effects }
	count(input.action.properties.effects) > 0
}

# Opening a session and listing what there is carry no operation of their own.
is_plumbing if input.resource.type == "server"
