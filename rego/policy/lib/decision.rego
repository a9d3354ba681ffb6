# METADATA
# title: The decision on one call
# description: |
#   Puts together what the packages below data.policies say: deny beats require, require beats allow, silence is deny.
#   Whatever an author gets wrong here makes the answer stricter, never laxer.
# schemas:
#   - input: schema.input
package countersign.request

import data.countersign.access

# Every package's rules, evaluated once. Lists from here on: walking a set of objects costs a hash of each, every time.
packages := [[name, rules] | some name, rules in data.policies]

denies := [entry | some [_, rules] in packages; some entry in rules.deny]

demands := [entry | some [_, rules] in packages; some entry in rules.require]

masks := [entry | some [_, rules] in packages; some entry in rules.mask]

bounds := [entry | some [_, rules] in packages; some entry in rules.limit]

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

allowed_by := [name | some [name, rules] in packages; rules.allow == true]

denials := array.concat([reason(entry) | some entry in denies], faults)

refusals := [entry | some entry in denials; entry.mode == "enforce"]

requirements := [entry | some entry in demands; reason(entry).mode == "enforce"]

reasons := array.concat(array.concat(denials, [reason(entry) | some entry in demands]), outcome)

# What the library itself has to say, where no author has said more.
outcome := [] if {
	count(refusals) > 0
} else := [explain("countersign.access", "The caller may not use this resource.")] if {
	not callable
} else := [explain("countersign.silence", "No policy allows this call.")] if {
	count(allowed_by) == 0
} else := [] if {
	count(requirements) > 0
} else := [explain(concat(".", [name, "allow"]), "Allowed.") | some name in allowed_by]

faults := [explain(id, msg) | some [id, msg] in array.concat(projected, malformed)]

projected := [["countersign.projected", "A sensitive value stands where no field for it is declared."] | not input.findings.projected == []]

malformed := [["countersign.malformed", "A policy rule is malformed, so nothing is allowed."] | is_malformed]

# A verb that is no set would otherwise say nothing.
is_malformed if {
	some [_, rules] in packages
	some verb in ["deny", "require", "mask", "limit"]
	not is_set(object.get(rules, verb, set()))
}

is_malformed if {
	some entry in demands
	not well_formed(entry)
}

is_malformed if {
	some entry in bounds
	not is_bound(entry)
}

is_bound(entry) if {
	is_object(entry)
	object.keys(entry) - {"rows", "bytes", "timeout_ms", "rate"} == set()
	is_rate(object.get(entry, "rate", null))
}

is_rate(null)

is_rate(rate) if {
	is_string(rate.key)
	is_number(rate.per_min)
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

# No default: a list that cannot be made leaves the decision undefined, and the call denied.
mask := [] if effect == "deny"

mask := array.concat(net, masks) if effect != "deny"

# Under all rules, but for what is listed as passing unread.
net := [] if {
	input.resource.id in data.masks.unread
} else := data.masks.everywhere

limits := {} if effect == "deny"

limits := object.union(numbers, rate) if effect != "deny"

# The tightest of what is asked for.
numbers[name] := min(values) if {
	some name in ["rows", "bytes", "timeout_ms"]
	values := {value | some entry in bounds; value := entry[name]}
	count(values) > 0
}

default rate := {}

rate := {"rate": {"key": tightest[1], "per_min": tightest[0]}} if {
	tightest := min({[value.per_min, value.key] | some entry in bounds; value := entry.rate})
}
