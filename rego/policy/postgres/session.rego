package countersign.postgres

# METADATA
# title: A connection may change what data lists, to what it lists
deny contains {
	"id": "pg.setting",
	"msg": sprintf("This is not among the settings that a session may change, or not to this value: %s.", [listed(wrong)]),
	"severity": "low",
	"controls": ["FFIEC-IS-II.C.15"],
} if {
	wrong := {setting_name(setting) | some setting in settings; not may_be_set(setting); not takes_role(setting)}
	count(wrong) > 0
}

setting_name(setting) := lower(setting.name) if {
	is_string(setting.name)
	setting.name != ""
} else := "?"

# Without a value it is put back to what it was when the session began.
may_be_set(setting) if setting.value == null

may_be_set(setting) if lower(setting.name) in data.postgres.settings.any

# Read as anything else, quotes and backslashes would end strings elsewhere than the gateway believes.
may_be_set(setting) if lower(setting.value) in data.postgres.settings.fixed[lower(setting.name)]

# METADATA
# title: Who one is in the database is not changed from within
deny contains {
	"id": "pg.role",
	"msg": "SET ROLE and SET SESSION AUTHORIZATION are refused: rights follow from who you are, not from a role you take.",
	"severity": "high",
	"controls": ["FFIEC-IS-II.C.7"],
} if {
	some setting in settings
	takes_role(setting)
	not may_be_set(setting)
}

takes_role(setting) if lower(setting.name) in {"role", "session_authorization"}

# METADATA
# title: A copy of the whole cluster is no query
deny contains {
	"id": "pg.replication",
	"msg": "Replication connections are not open through this gateway.",
	"severity": "critical",
	"controls": ["GLBA-314.4c"],
} if {
	some setting in settings
	lower(setting.name) == "replication"
}
