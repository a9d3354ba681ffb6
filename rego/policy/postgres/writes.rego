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
	not is_bookkeeping(relation.name)
	some access in relation.access
	access in {"update", "delete"}
}

# METADATA
# title: What migration tools keep for themselves
# description: Some write or empty a table of one row whole at each run. Data names it; whatever else the statement reaches is asked about.
is_bookkeeping(name) if name in data.postgres.bookkeeping[target]

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
	not is_bookkeeping(relation.name)
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
		some effect in statement.effects
		effect in {"write", "ddl"}
		some relation in statement.relations
		relation.name in data.postgres.protected[target]
		some access in relation.access
		is_change(access)
	}
	count(names) > 0
}

is_change(access) if access in {"insert", "update", "delete"}

# To whom no DDL is open, pg.ddl says so: a lead's word would change nothing.
is_change("ddl") if not "ddl" in refused

# METADATA
# title: Dropping a schema, type or extension with all that hangs on it, or renaming a schema, needs a lead where tables are protected
# description: A protected table is known by its name, which that of its schema is a part of.
require contains {
	"id": "pg.cascade",
	"msg": "This may drop or rename tables that it does not name, and some here are protected, so a lead has to approve it.",
	"severity": "high",
	"controls": ["FFIEC-IS-II.C.15"],
	"approval": data.approvals.lead,
} if {
	some statement in statements
	is_change("ddl")
	statement.kind in {"drop", "drop_owned", "drop_database", "rename"}
	"unnamed_objects" in statement.unknown
	count(statement.relations) == 0
	count(data.postgres.protected[target]) > 0
}

# METADATA
# title: Who sees everything may run what cannot be read, but what it would change needs a lead
# description: To whom columns are masked, pg.opaque refuses it.
require contains {
	"id": "pg.unseen",
	"msg": "What this would change cannot be told, so a lead has to approve it.",
	"severity": "high",
	"controls": ["FFIEC-IS-II.C.15"],
	"approval": data.approvals.lead,
} if {
	sees_all
	some statement in statements
	may_change(statement)
	some reason in statement.unknown
	reason in {"dynamic_sql", "opaque_routine", "rewrite_rule"}
}

may_change(statement) if "write" in statement.effects

may_change(statement) if statement.kind == "do"

may_change(statement) if {
	some routine in statement.routines
	routine.class == "dynamic_sql"
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
