# METADATA
# title: The decision on one call
# description: |
#   Puts together what the packages below data.policies say: deny beats require, require beats allow, silence is deny.
#   Whatever an author gets wrong here makes the answer stricter, never laxer.
# schemas:
#   - input: schema.input
package countersign.request

import data.countersign.access

# Every package's rules, evaluated once.
packages := data.policies

# METADATA
# title: What is done with the call
# description: Undefined, and so denied, for an input of another version.
# entrypoint: true
decision := {
	"effect": effect,
	"reasons": reasons,
	"approval": approval,
	"mask": mask,
	"limits": limits,
	"record": {"level": "body", "retention": "7y"},
	"obligations": [],
} if {
	input.v == 1
}

default effect := "deny"

effect := "require" if {
	permitted
	count(requirements) > 0
}

effect := "allow" if {
	permitted
	count(requirements) == 0
}

# Both must hold: a list shows what may_call says, so nothing can be called that a list would hide.
permitted if {
	count(refusals) == 0
	callable
	count(allowed_by) > 0
}

callable if access.may_call(input.subject, input.resource)

allowed_by contains name if {
	some name
	packages[name].allow == true
}

said(verb) := {entry |
	some name
	some entry in packages[name][verb]
}

denials := {reason(entry) | some entry in said("deny")} | faults

demands := said("require")

refusals := {entry | some entry in denials; entry.mode == "enforce"}

requirements := {entry | some entry in demands; reason(entry).mode == "enforce"}

reasons := ({entry | some entry in denials} | {reason(entry) | some entry in demands}) | outcome

# What the library itself has to say, where no author has said more.
outcome := set() if {
	count(refusals) > 0
} else := {explain("countersign.access", "The caller may not use this resource.")} if {
	not callable
} else := {explain("countersign.silence", "No policy allows this call.")} if {
	count(allowed_by) == 0
} else := set() if {
	count(requirements) > 0
} else := {explain(concat(".", [name, "allow"]), "Allowed.") | some name in allowed_by}

faults contains explain("countersign.projected", "A sensitive value stands where no field for it is declared.") if {
	count(input.findings.projected) > 0
}

# A verb that is no set would otherwise say nothing.
faults contains explain("countersign.malformed", "A policy package is malformed, so nothing is allowed.") if {
	some name
	some verb in ["deny", "require", "mask", "limit"]
	said_by := packages[name][verb]
	not is_set(said_by)
}

faults contains explain("countersign.malformed", "A policy rule is malformed, so nothing is allowed.") if {
	some entry in demands
	not well_formed(entry)
}

faults contains explain("countersign.malformed", "A policy rule is malformed, so nothing is allowed.") if {
	some entry in said("limit")
	some name, _ in entry
	not name in {"rows", "bytes", "timeout_ms", "rate"}
}

well_formed(entry) if {
	is_string(entry.approval.template)
	count(entry.approval.groups) > 0
}

explain(id, msg) := {"id": id, "msg": msg, "controls": [], "mode": "enforce"}

# A reason without an id or a message still counts.
reason(entry) := {
	"id": entry.id,
	"msg": entry.msg,
	"controls": object.get(entry, "controls", []),
	"mode": mode(entry),
} if {
	is_string(entry.id)
	is_string(entry.msg)
} else := explain("countersign.malformed", "A policy rule is malformed, so it counts as a refusal.")

# Rolling a rule out is a change of data: warn first, enforce later.
mode(entry) := data.rollout[entry.id] if {
	data.rollout[entry.id] in {"enforce", "warn", "dryrun"}
} else := entry.mode if {
	entry.mode in {"enforce", "warn", "dryrun"}
} else := "enforce"

default approval := null

# Several rules that hold a call are met together: all their groups, the largest quorum, the shortest time.
approval := {
	"template": min({entry.approval.template | some entry in requirements}),
	"groups": {group | some entry in requirements; some group in entry.approval.groups},
	"quorum": max({object.get(entry.approval, "quorum", 1) | some entry in requirements}),
	"ttl_s": min({object.get(entry.approval, "ttl_s", 900) | some entry in requirements}),
	"justification": max({object.get(entry.approval, "justification", "required") | some entry in requirements}),
	"break_glass": min({object.get(entry.approval, "break_glass", false) | some entry in requirements}),
} if {
	effect == "require"
}

default mask := set()

mask := said("mask") if effect != "deny"

default limits := {}

limits := object.union(numbers, rate) if effect != "deny"

# The tightest of what is asked for.
numbers[name] := min(values) if {
	some name in ["rows", "bytes", "timeout_ms"]
	values := {value | some entry in said("limit"); value := entry[name]}
	count(values) > 0
}

default rate := {}

rate := {"rate": {"key": tightest[1], "per_min": tightest[0]}} if {
	tightest := min({[value.per_min, value.key] | some entry in said("limit"); value := entry.rate})
}
