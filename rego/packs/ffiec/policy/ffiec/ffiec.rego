# METADATA
# title: What bank examiners ask about, across all protocols
# description: |
#   Rules beside those of each protocol: they open nothing, they only refuse, hold and limit, and so produce evidence for the questions
#   of the booklets that their controls name. Whether that evidence is enough is for the institution and its examiners to say.
# schemas:
#   - input: schema.input
# custom:
#   controls: [FFIEC-IS-II.C.7(c), FFIEC-IS-II.C.15, FFIEC-DAM-IV.I.1]
package policies.ffiec

import data.countersign.access

# METADATA
# title: A privileged operation in production is approved by another person
# description: "Segregation of duties: the gateway never lets a requester, or the sponsor of a workload, approve."
# custom:
#   controls: [FFIEC-IS-II.C.7(c), NIST-AC-6(9), NIST-CM-3(1)]
require contains {
	"id": "ffiec.privileged",
	"msg": "A privileged operation in production needs the approval of another person before it runs.",
	"severity": "high",
	"controls": ["FFIEC-IS-II.C.7(c)", "NIST-AC-6(9)", "NIST-CM-3(1)"],
	"approval": data.ffiec.approvals.privileged,
} if {
	is_privileged_in_production
}

# METADATA
# title: A privileged operation in production names its change
# description: A warning as shipped, since callers must first be able to say it; data.rollout enforces it.
# custom:
#   controls: [FFIEC-DAM-VII.B, NIST-CM-3(1)]
deny contains {
	"id": "ffiec.change_ticket",
	"msg": "A privileged operation in production names the change ticket that it belongs to.",
	"severity": "medium",
	"controls": ["FFIEC-DAM-VII.B", "NIST-CM-3(1)"],
	"mode": "warn",
} if {
	is_privileged_in_production
	not names_ticket
}

# METADATA
# title: Whoever does something privileged has signed in with more than one factor
# description: People, and agents on their behalf. A service has no second factor; its sponsor answers for it.
# custom:
#   controls: [FFIEC-AUTH-2021]
deny contains {
	"id": "ffiec.mfa",
	"msg": "Sign in again with a second factor: a privileged operation is refused without one.",
	"severity": "high",
	"controls": ["FFIEC-AUTH-2021"],
} if {
	is_privileged
	input.subject.type != "service"
	not has_two_factors
}

# METADATA
# title: A service acts for a person who answers for it
# custom:
#   controls: [FFIEC-IS-II.C.18, FFIEC-AUTH-2021]
deny contains {
	"id": "ffiec.sponsor",
	"msg": "A service account without a sponsor is refused. Name a person for it under sponsors in config.yaml.",
	"severity": "high",
	"controls": ["FFIEC-IS-II.C.18", "FFIEC-AUTH-2021"],
} if {
	input.subject.type == "service"
	not has_sponsor
}

# METADATA
# title: An agent reaches no production system that was not declared for it
# custom:
#   controls: [FFIEC-IS-II.C.15, FFIEC-DAM-IV.I.1]
deny contains {
	"id": "ffiec.agent_target",
	"msg": "This agent is not declared for this production system. Do not retry; ask the system's owner to declare it.",
	"severity": "high",
	"controls": ["FFIEC-IS-II.C.15", "FFIEC-DAM-IV.I.1"],
} if {
	input.subject.type == "agent"
	is_production
	not is_declared
}

# METADATA
# title: Third parties do nothing privileged in production
# custom:
#   controls: [FFIEC-IS-II.C.15, FFIEC-IS-II.C.15(c)]
deny contains {
	"id": "ffiec.third_party",
	"msg": "Third parties do nothing privileged in production. Ask an employee of the system's owner to do it.",
	"severity": "high",
	"controls": ["FFIEC-IS-II.C.15", "FFIEC-IS-II.C.15(c)"],
} if {
	is_privileged_in_production
	access.in_any(input.subject, data.ffiec.third_parties)
}

# METADATA
# title: What is a log is read, not written
# description: Whatever carries the label audit_trail, a whole target or one relation, in every environment.
# custom:
#   controls: [FFIEC-IS-II.C.22, NIST-AU-9]
deny contains {
	"id": "ffiec.audit_trail",
	"msg": "Log and audit data are not changed through this gateway, by anyone.",
	"severity": "critical",
	"controls": ["FFIEC-IS-II.C.22", "NIST-AU-9"],
} if {
	input.resource.type != "server"
	is_audit_trail
	not is_read
}

# METADATA
# title: Taking data out of production in bulk is held for another person
# custom:
#   controls: [FFIEC-AIO-III.A.2(a), FFIEC-AIO-V.C.2(c)]
require contains {
	"id": "ffiec.bulk_export",
	"msg": "Taking data out of production in bulk needs the approval of another person.",
	"severity": "high",
	"controls": ["FFIEC-AIO-III.A.2(a)", "FFIEC-AIO-V.C.2(c)"],
	"approval": data.ffiec.approvals.export,
} if {
	is_production
	is_export
}

# METADATA
# title: One answer from production is not an export
# description: By kind of resource, since rows are known of databases only.
# custom:
#   controls: [FFIEC-AIO-III.A.2(a), FFIEC-DAM-IV.I.2]
limit contains data.ffiec.limits[input.resource.type] if {
	is_production
	not passes_unread
}

# METADATA
# title: Without its data the pack refuses everything
# description: A list that is not there would otherwise be a list of nothing, and most rules here would be silent.
deny contains {
	"id": "ffiec.configuration",
	"msg": "The policy's own data are incomplete, so nothing is allowed. Tell the people who own the policy.",
	"severity": "critical",
	"controls": [],
} if {
	not is_configured
}

is_configured if {
	every name in ["production", "privileged_effects", "privileged_access", "export_effects", "read_effects", "third_parties"] { is_array(data.ffiec[name]) }
}

# A rule without a value is asked for again by every rule that names it: these always have one.
default is_production := false

is_production if input.resource.properties.env in data.ffiec.production

default is_privileged := false

is_privileged if {
	some effect in input.action.properties.effects
	effect in data.ffiec.privileged_effects
}

is_privileged if {
	some relation in input.resource.properties.relations
	some kind in relation.access
	kind in data.ffiec.privileged_access
}

default is_privileged_in_production := false

is_privileged_in_production if {
	is_privileged
	is_production
}

names_ticket if count(input.context.ticket) > 0

# Bytes that nobody reads cannot be counted either.
passes_unread if input.resource.id in data.masks.unread

has_two_factors if input.subject.properties.acr in data.ffiec.second_factor.acr

has_two_factors if {
	some method in input.subject.properties.amr
	method in data.ffiec.second_factor.amr
}

has_sponsor if input.subject.sponsor != ""

# By the agent that made the call, not by those whose behalf it was handed on.
is_declared if input.resource.properties.target in data.ffiec.agents[input.subject.actor.id]

is_audit_trail if "audit_trail" in input.resource.properties.labels

is_audit_trail if {
	some relation in input.resource.properties.relations
	"audit_trail" in relation.labels
}

is_read if {
	count(input.action.properties.effects) > 0
	every effect in input.action.properties.effects { effect in data.ffiec.read_effects }
}

is_export if {
	some effect in input.action.properties.effects
	effect in data.ffiec.export_effects
}

is_export if {
	some statement in input.request.statements
	statement.copy.direction == "out"
}
