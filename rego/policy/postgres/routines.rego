package countersign.postgres

# METADATA
# title: Files, other servers, large objects and the server's own controls are out of reach
deny contains {
	"id": "pg.routine",
	"msg": sprintf("These functions reach past what policy can see: %s.", [listed(names)]),
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
	"msg": sprintf("What this would read or write cannot be told, and you may not see every column: %s.", [listed(opaque)]),
	"controls": ["GLBA-314.4c"],
} if {
	not sees_all
	count(opaque) > 0
}

opaque := {reason | some statement in statements; some reason in statement.unknown} | {kind | some kind in kinds; kind in data.postgres.opaque_kinds}

# METADATA
# title: What was prepared by name is known when it runs, or it does not run
deny contains {
	"id": "pg.unknown_statement",
	"msg": "What this EXECUTE would run is not known. Send the statement itself, or let the driver prepare it.",
	"controls": ["FFIEC-IS-II.C.15"],
} if {
	some statement in statements
	"unresolved_prepared" in statement.unknown
}
