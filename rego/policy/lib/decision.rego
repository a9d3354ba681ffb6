# METADATA
# title: The decision on one call
# description: |
#   Puts together what the packages below data.policies say: deny beats require, require beats allow, silence is deny.
#   Whatever an author gets wrong here makes the answer stricter, never laxer.
# schemas:
#   - input: schema.input
package countersign.request

import data.countersign.access

# METADATA
# title: What is done with the call
# description: |
#   Undefined, and so denied, for an input of another version. One long rule, because every rule costs: wasm looks its value up in a
#   table by number. Lists, because walking a set of objects costs a hash of each.
# entrypoint: true
decision := {
	"effect": effect,
	"reasons": array.concat(array.concat(denials, [reason(entry) | some entry in demands]), outcome),
	"approval": approval(effect, requirements),
	"mask": mask(effect, lists),
	"limits": limits(effect, bounds),
	"record": {"level": level, "retention": "7y"},
	"obligations": [],
} if {
	input.v == 1
	denies := [rules | rules := data.policies[_].deny]
	requires := [rules | rules := data.policies[_].require]
	caps := [rules | rules := data.policies[_].limit]
	lists := [rules | rules := data.policies[_].mask]
	demands := [entry | some rules in requires; some entry in rules]
	bounds := [entry | some rules in caps; some entry in rules]
	faults := array.concat(projected, malformed([denies, requires, caps], lists, demands, bounds))
	denials := array.concat([reason(entry) | some rules in denies; some entry in rules], faults)
	refusals := [entry | some entry in denials; entry.mode == "enforce"]
	requirements := [entry | some entry in demands; reason(entry).mode == "enforce"]
	permits := [name | data.policies[name].allow == true]
	[effect, outcome] := verdict(refusals, requirements, permits)
}

# May_call and an allow must both hold: a list shows what may_call says, so nothing can be called that a list would hide.
# The second of the pair is what the library itself has to say, where no author has said more.
verdict(refusals, requirements, permits) := ["deny", []] if {
	refusals != []
} else := ["deny", [explain("countersign.access", "The caller may not use this resource.")]] if {
	not access.may_call(input.subject, input.resource)
} else := ["deny", [explain("countersign.silence", "No policy allows this call.")]] if {
	permits == []
} else := ["require", []] if {
	requirements != []
} else := ["allow", [explain(concat(".", [name, "allow"]), "Allowed.") | some name in permits]]

projected := [explain("countersign.projected", "A sensitive value stands where no field for it is declared.") | not input.findings.projected == []]

malformed(verbs, lists, demands, bounds) := [explain("countersign.malformed", "A policy rule is malformed, so nothing is allowed.") | is_malformed(verbs, lists, demands, bounds)]

# A verb that is no set would otherwise say nothing.
is_malformed(verbs, _, _, _) if {
	some said in verbs
	some rules in said
	not is_set(rules)
}

# Masks may be a list as well, which is cheaper: nothing in it is hashed.
is_malformed(_, lists, _, _) if {
	some rules in lists
	not is_set(rules)
	not is_array(rules)
}

is_malformed(_, _, demands, _) if {
	some entry in demands
	not well_formed(entry)
}

is_malformed(_, _, _, bounds) if {
	some entry in bounds
	not is_bound(entry)
}

is_bound(entry) if {
	is_object(entry)
	every name, _ in entry { is_limit(name) }
	is_rate(object.get(entry, "rate", null))
}

is_limit("rows")

is_limit("bytes")

is_limit("timeout_ms")

is_limit("rate")

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
	"severity": entry.severity,
	"controls": object.get(entry, "controls", []),
	"mode": mode(entry),
} if {
	is_string(entry.id)
	is_string(entry.msg)
	entry.severity in {"low", "medium", "high", "critical"}
} else := {
	"id": entry.id,
	"msg": entry.msg,
	"controls": object.get(entry, "controls", []),
	"mode": mode(entry),
} if {
	is_string(entry.id)
	is_string(entry.msg)
} else := explain("countersign.malformed", "A policy rule is malformed, so it counts as a refusal.")

# Rolling a rule out is a change of data: warn first, enforce later, and in one environment before the other.
mode(entry) := rolled_out(plan, entry) if {
	plan := data.rollout[entry.id]
} else := own_mode(entry)

# A mode for everywhere, or one for each environment and "*" for the others. What is none of the three modes enforces.
rolled_out(plan, entry) := strict(plan) if {
	not is_object(plan)
} else := strict(said) if {
	said := plan[input.resource.properties.env]
} else := strict(said) if {
	said := plan["*"]
} else := own_mode(entry)

own_mode(entry) := entry.mode if {
	entry.mode in {"enforce", "warn", "dryrun"}
} else := "enforce"

strict(said) := said if {
	said in {"enforce", "warn", "dryrun"}
} else := "enforce"

# Several rules that hold a call are met together: all their groups, the largest quorum, the shortest time.
approval(effect, requirements) := {
	"template": min({entry.approval.template | some entry in requirements}),
	"groups": {group | some entry in requirements; some group in entry.approval.groups},
	"quorum": max({object.get(entry.approval, "quorum", 1) | some entry in requirements}),
	"ttl_s": min({object.get(entry.approval, "ttl_s", 900) | some entry in requirements}),
	"justification": max({object.get(entry.approval, "justification", "required") | some entry in requirements}),
	"break_glass": min({object.get(entry.approval, "break_glass", false) | some entry in requirements}),
} if {
	effect == "require"
} else := null

# No default: a list that cannot be made leaves the decision undefined, and the call denied.
mask(effect, lists) := [] if {
	effect == "deny"
} else := array.concat(net, [entry | some rules in lists; some entry in rules])

# Under all rules, but for what is listed as passing unread, and for who may see everything.
net := [] if {
	input.resource.id in data.masks.unread
} else := [] if {
	data.policies[_].unmasked == true
} else := data.masks.everywhere

# How much the record keeps of a result, by kind of resource and target. Anything but the three levels makes the decision malformed.
default level := "body"

level := object.get(levels, input.resource.properties.target, levels["*"]) if levels := data.record[input.resource.type]

# The tightest of what is asked for; one alone is taken as it is. (Counting walks a list, and a number is read each time it is compared.)
limits(effect, bounds) := {} if {
	effect == "deny"
} else := {} if {
	bounds == []
} else := bounds[0] if {
	not bounds[1]
} else := object.union(numbers(bounds), rate(bounds))

numbers(bounds) := {name: min(values) |
	some name in ["rows", "bytes", "timeout_ms"]
	values := {value | some entry in bounds; value := entry[name]}
	count(values) > 0
}

rate(bounds) := {"rate": {"key": tightest[1], "per_min": tightest[0]}} if {
	tightest := min({[value.per_min, value.key] | some entry in bounds; value := entry.rate})
} else := {}
