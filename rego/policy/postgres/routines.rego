package countersign.postgres

# METADATA
# title: Files, other servers, large objects and the server's own controls are out of reach
deny contains {
	"id": "pg.routine",
	"msg": sprintf("These functions reach past what policy can see: %s.", [listed(names)]),
	"severity": "high",
	"controls": ["FFIEC-IS-II.C.7"],
} if {
	names := {routine.name | some routine in routines; routine.class in data.postgres.denied_routines}
	count(names) > 0
}

# METADATA
# title: A function call by number names no text, so only what data lists is called
deny contains {
	"id": "pg.function_call",
	"msg": "Calling a function by its number is refused; send a SELECT.",
	"severity": "medium",
	"controls": ["FFIEC-IS-II.C.7"],
} if {
	input.action.name == "pg.function_call"
	not is_listed_call
}

is_listed_call if {
	count(routines) > 0
	every routine in routines { routine.class in data.postgres.function_calls }
}

# METADATA
# title: COPY moves rows between the database and its caller, not the server's files or programs
deny contains {
	"id": "pg.copy_file",
	"msg": "COPY to or from a file or program of the server is refused; use STDIN or STDOUT (\\copy in psql).",
	"severity": "high",
	"controls": ["FFIEC-IS-II.C.7"],
} if {
	some statement in statements
	statement.copy
	not is_own(statement.copy)
}

is_own(copy) if copy.place == "client"

# METADATA
# title: Who must not see a value runs nothing that could hide where it goes
deny contains {
	"id": "pg.opaque",
	"msg": untold,
	"severity": "medium",
	"controls": ["GLBA-314.4c"],
} if {
	not sees_all
	count(opaque) > 0
}

opaque := {reason | some statement in statements; some reason in statement.unknown; not is_answered(reason, statement)} | {kind | some kind in kinds; kind in data.postgres.opaque_kinds}

# A column that the system catalogue has not is the server's to deny.
is_answered("unresolved_column", statement) if {
	every relation in statement.relations { is_system(relation.name) }
	every routine in statement.routines { routine.schema == "pg_catalog" }
}

# What else is dropped with a named object, or renamed, shows nothing of itself; who may do it at all is pg.ddl's to say.
is_answered("unnamed_objects", statement) if {
	statement.kind in {"drop", "rename"}
	every effect in statement.effects { effect == "ddl" }
}

# pg.system_sensitive says it, and of what.
is_answered("system_sensitive", statement) if {
	some relation in statement.relations
	"system_sensitive" in relation.labels
}

# A typing error reads like one.
untold := sprintf("This names something that is not in the catalogue, or that the gateway does not know yet: %s.", [listed(unknown_names)]) if {
	count(opaque - {"unresolved_relation", "unresolved_column", "unresolved_routine"}) == 0
} else := sprintf("What this would read or write cannot be told, and you may not see every column: %s.", [listed(opaque)])

unknown_names := names if {
	names := {trim_left(relation.name, "?.") | some relation in relations; startswith(relation.name, "?")} | {routine.name | some routine in routines; not routine.is_known}
	count(names) > 0
} else := {"a column"}

# METADATA
# title: What was prepared by name is known when it runs, or it does not run
deny contains {
	"id": "pg.unknown_statement",
	"msg": "What this EXECUTE would run is not known. Send the statement itself, or let the driver prepare it.",
	"severity": "low",
	"controls": ["FFIEC-IS-II.C.15"],
} if {
	some statement in statements
	"unresolved_prepared" in statement.unknown
}
