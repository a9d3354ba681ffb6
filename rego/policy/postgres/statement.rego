# METADATA
# title: What is known of the statements of one message
# description: |
#   Read once here, so that the rules of the other files are short. Names are as the server resolves them; one that it does not know is
#   the caller's word and begins with `?`, so that no grant fits it.
# schemas:
#   - input: schema.input
# custom:
#   ids: pg
#   controls: [FFIEC-IS-II.C.15, GLBA-314.4c]
package countersign.postgres

import data.countersign.access

# METADATA
# title: The statements of the text, in order
default statements := []

statements := input.request.statements

target := input.resource.properties.target

entry := access.database(input.resource)

# METADATA
# title: Was every byte of the text understood?
# description: A function call and a notification have no text.
default is_parsed := false

is_parsed if {
	input.findings.sql.status == "ok"
	input.request.statements
	not input.request.unparsed
}

is_parsed if input.action.name in {"pg.function_call", "pg.notification"}

# METADATA
# title: More than one statement in one message
default is_multi := false

is_multi if input.request.multi

is_multi if count(statements) > 1

kinds := {statement.kind | some statement in statements}

effects := {effect | some statement in statements; some effect in statement.effects}

relations := [relation | some statement in statements; some relation in statement.relations]

routines := [routine | some statement in statements; some routine in statement.routines]

settings := [setting | some statement in statements; some setting in statement.settings]

# METADATA
# title: An agent, or a person through one
default is_agent := false

is_agent if input.subject.type == "agent"

# METADATA
# title: A caller whom data lets see every value in full
default sees_all := false

sees_all if access.in_any(input.subject, data.postgres.unmasked[target])

is_system(name) if startswith(name, "pg_catalog.")

is_system(name) if startswith(name, "information_schema.")

# At most this much of a name or a parser's message is said again.
brief(text) := substring(text, 0, 200)

listed(names) := brief(concat(", ", names))
