package countersign.postgres

import data.countersign.access

# METADATA
# title: Is each effect of each statement granted?
# description: A statement that says nothing of its effects has none granted.
default is_permitted := false

is_permitted if {
	is_parsed
	count(refused) == 0
	every statement in statements { count(statement.effects) > 0 }
}

refused := {effect | some statement in statements; some effect in statement.effects; not is_granted(effect, statement)}

is_granted(effect, _) if access.in_any(input.subject, entry.effects[effect])

# What drivers and tools do by themselves is open to whoever may use the database.
is_granted("session", statement) if statement.kind in data.postgres.session_kinds

is_granted("transaction", statement) if statement.kind in data.postgres.session_kinds

is_granted("notify", statement) if statement.kind in data.postgres.listen_kinds

# What was prepared has effects of its own, which are judged as well.
is_granted("execute", statement) if statement.kind == "execute"

is_granted("read", statement) if {
	every relation in statement.relations { is_system(relation.name) }
	every routine in statement.routines { is_system(concat(".", [routine.schema, routine.name])) }
}

# METADATA
# title: The schema is changed by the groups that data names, and by default by none
deny contains {
	"id": "pg.ddl",
	"msg": "Creating, changing or dropping objects is not open to your groups in this database. Do not retry; open a change request with the database team.",
	"severity": "high",
	"controls": ["FFIEC-IS-II.C.15"],
} if {
	"ddl" in refused
}

# METADATA
# title: Rights are given by the groups that data names, and by default by none
deny contains {
	"id": "pg.dcl",
	"msg": "Roles, grants and ownership are not changed through this gateway by your groups.",
	"severity": "critical",
	"controls": ["FFIEC-IS-II.C.15"],
} if {
	"dcl" in refused
}

# METADATA
# title: Who may only read changes nothing
deny contains {
	"id": "pg.read_only",
	"msg": "Your groups may read this database, not change it.",
	"severity": "medium",
	"controls": ["FFIEC-IS-II.C.15"],
} if {
	"write" in refused
}

# METADATA
# title: Any other effect has to be granted as well
deny contains {
	"id": "pg.effect",
	"msg": sprintf("Your groups have no right to this in this database: %s.", [listed(others)]),
	"severity": "medium",
	"controls": ["FFIEC-IS-II.C.15"],
} if {
	others := refused - {"ddl", "dcl", "write"}
	count(others) > 0
}

# METADATA
# title: Some statements reach past the database, and are for nobody
deny contains {
	"id": "pg.forbidden",
	"msg": sprintf("Never allowed through this gateway: %s.", [listed(forbidden)]),
	"severity": "critical",
	"controls": ["FFIEC-IS-II.C.7"],
} if {
	forbidden := {kind | some kind in kinds; kind in data.postgres.forbidden_kinds}
	count(forbidden) > 0
}

# METADATA
# title: The server's own tables are changed by its own statements, and not written to
# description: A row of pg_class or pg_authid says who may do what to which table, and one of pg_settings who one is; an approval would be for a row number.
deny contains {
	"id": "pg.system_write",
	"msg": sprintf("These are the server's own tables: use ALTER, GRANT or SET instead of writing to %s.", [listed(names)]),
	"severity": "critical",
	"controls": ["FFIEC-IS-II.C.7"],
} if {
	names := {relation.name |
		some statement in statements
		"write" in statement.effects
		some relation in statement.relations
		is_system(relation.name)
		some access in relation.access
		access in {"insert", "update", "delete", "truncate"}
	}
	count(names) > 0
}
