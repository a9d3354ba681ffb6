package countersign.postgres

import data.countersign.access

# METADATA
# title: What is masked in results; contact and birth data for all but the groups that data names
masks := data.postgres.masks.all if {
	access.in_any(input.subject, data.postgres.masks.contact_for)
} else := array.concat(data.postgres.masks.all, data.postgres.masks.contact)

# METADATA
# title: The server's own statistics repeat values of the columns
deny contains {
	"id": "pg.system_sensitive",
	"msg": sprintf("These show values of columns that are masked for you, or secrets: %s.", [listed(names)]),
	"severity": "high",
	"controls": ["GLBA-314.4c"],
} if {
	not sees_all
	names := {relation.name | some relation in relations; "system_sensitive" in relation.labels}
	count(names) > 0
}

# METADATA
# title: A masked column is not guessed at by comparing, ordering or grouping
deny contains {
	"id": "pg.sensitive_predicate",
	"msg": sprintf("Masked columns may be compared with = and a value, not searched, ordered, grouped or joined by: %s.", [listed(names)]),
	"severity": "high",
	"controls": ["GLBA-314.4c"],
} if {
	not sees_all
	names := {predicate.name | some predicate in input.request.sensitive_predicate; predicate.operator != "failure"; not is_plain(predicate)}
	count(names) > 0
}

# METADATA
# title: What fails by a masked value, or takes its time over it, tells the value
deny contains {
	"id": "pg.sensitive_failure",
	"msg": sprintf("These may fail by the value of a masked column, and an error would tell it: %s. Select the column itself, or use what works for every value (left, upper, ||, coalesce, count).", [listed(failing)]),
	"severity": "high",
	"controls": ["GLBA-314.4c"],
} if {
	not sees_all
	count(failing) > 0
}

failing := {sprintf("%s (%s)", [concat(" ", predicate.functions), predicate.name]) |
	some predicate in input.request.sensitive_predicate
	predicate.operator == "failure"
	not is_plain(predicate)
}

is_plain(predicate) if predicate.operator in data.postgres.plain_operators

# METADATA
# title: A masked column is not copied to where it is not masked
deny contains {
	"id": "pg.sensitive_write",
	"msg": sprintf("Masked columns may not be written elsewhere: %s.", [listed(names)]),
	"severity": "high",
	"controls": ["GLBA-314.4c"],
} if {
	not sees_all
	names := {flow.name | some flow in input.request.sensitive_write}
	count(names) > 0
}
