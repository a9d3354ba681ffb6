package countersign.postgres

# METADATA
# title: What cannot be read is not sent
deny contains {
	"id": "pg.unparsed",
	"msg": unread,
	"severity": "medium",
	"controls": ["FFIEC-IS-II.C.15"],
} if {
	not is_parsed
}

unread := sprintf("The gateway cannot read this as SQL, so it was not sent: %s (character %d).", [brief(input.findings.sql.message), input.findings.sql.position]) if {
	input.findings.sql.status == "error"
} else := "The gateway could not tell what this text would do, so it was not sent."

# METADATA
# title: An agent does not end a transaction and begin something else in one message
deny contains {
	"id": "pg.tx_control",
	"msg": "BEGIN, COMMIT and ROLLBACK are sent by themselves, not together with other statements.",
	"severity": "low",
	"controls": ["FFIEC-IS-II.C.15"],
} if {
	is_agent
	is_multi
	"transaction" in effects
}

# METADATA
# title: An agent sends one statement at a time
# description: Several are fine where none names a relation, as in a driver's own reset of a session.
deny contains {
	"id": "pg.multi",
	"msg": "Send one statement at a time.",
	"severity": "low",
	"controls": ["FFIEC-IS-II.C.15"],
} if {
	is_agent
	is_multi
	not is_reset
}

is_reset if {
	count(relations) == 0
	count(effects - {"read", "session"}) == 0
}
