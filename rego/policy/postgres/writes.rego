package countersign.postgres

# METADATA
# title: Changing every row of a table needs a lead
require contains {
	"id": "pg.whole_table",
	"msg": "UPDATE or DELETE without WHERE changes every row, so a lead has to approve it.",
	"severity": "high",
	"controls": ["FFIEC-IS-II.C.15"],
	"approval": data.approvals.lead,
} if {
	some statement in statements
	"write" in statement.effects
	not statement.has_where
	some relation in statement.relations
	some access in relation.access
	access in {"update", "delete"}
}

# METADATA
# title: Emptying a table needs a lead
require contains {
	"id": "pg.truncate",
	"msg": "TRUNCATE removes every row, so a lead has to approve it.",
	"severity": "high",
	"controls": ["FFIEC-IS-II.C.15"],
	"approval": data.approvals.lead,
} if {
	some statement in statements
	"write" in statement.effects
	some relation in statement.relations
	"truncate" in relation.access
}

# METADATA
# title: Changing a protected table needs a lead
require contains {
	"id": "pg.protected",
	"msg": sprintf("A lead has to approve changes of %s.", [listed(names)]),
	"severity": "medium",
	"controls": ["FFIEC-IS-II.C.15"],
	"approval": data.approvals.lead,
} if {
	names := {relation.name |
		some statement in statements
		"write" in statement.effects
		some relation in statement.relations
		relation.name in data.postgres.protected[target]
		some access in relation.access
		access in {"insert", "update", "delete"}
	}
	count(names) > 0
}

# METADATA
# title: Copying a protected table out in bulk needs a lead
require contains {
	"id": "pg.bulk_export",
	"msg": "COPY of a protected table to the client is a bulk export, so a lead has to approve it.",
	"severity": "high",
	"controls": ["GLBA-314.4c"],
	"approval": data.approvals.lead,
} if {
	some statement in statements
	statement.copy.direction == "out"
	some relation in statement.relations
	relation.name in data.postgres.protected[target]
	"read" in relation.access
	not is_small(statement)
}

is_small(statement) if statement.limit <= data.postgres.bulk_rows
