package postgres_test

import data.countersign.access
import data.countersign.list
import data.countersign.request
import data.policies.postgres

st(over) := object.union({"kind": "select", "effects": ["read"], "relations": [], "columns": [], "routines": [], "settings": [], "has_where": false, "returning": false, "unknown": []}, over)

on(name, access) := [{"name": name, "access": access}]

reading := st({"relations": on("public.customers", ["read"]), "has_where": true})

writing(name, access, has_where) := st({"kind": "dml", "effects": ["write"], "relations": on(name, access), "has_where": has_where})

commit := st({"kind": "transaction", "effects": ["transaction"]})

setting(name, value) := st({"kind": "variable_set", "effects": ["session"], "settings": [{"name": name, "value": value}]})

calling(schema, name, over) := st({"routines": [object.union({"schema": schema, "name": name, "volatility": "v", "is_known": true}, over)]})

copying(direction, place, over) := object.union(reading, object.union({"kind": "copy", "effects": ["copy"], "copy": {"direction": direction, "place": place}}, over))

ask(statements, group) := {
	"v": 1,
	"subject": {"type": "user", "id": "idp|u", "properties": {"groups": [group]}},
	"action": {"name": "pg.any", "properties": {"effects": ["read"]}},
	"resource": {"type": "database", "id": "appdb/bank", "properties": {"target": "appdb", "env": "test", "labels": []}},
	"request": {"protocol": "postgres", "statements": statements, "sensitive_predicate": [], "sensitive_write": []},
	"findings": {"pii": {"status": "ok", "classes": []}, "projected": [], "sql": {"status": "ok"}},
}

# Whatever an institution only observes for now, and whoever sees every value there, the rules are tried as they are shipped.
decide(asked) := answer if answer := request.decision with input as asked with data.postgres.observe as []

ids(decision) := {reason.id | some reason in decision.reasons}

# Rows of statements, group and the reasons that are given, none but these.
wrong(rows) := {note | some note, row in rows; not answers(row)}

answers([statements, group, reasons]) if said(ask(statements, group)) == reasons

# Of this package alone, which takes a fraction of the time that the whole decision does.
said(asked) := reasons if reasons := verdict with input as asked with data.postgres.observe as [] with data.postgres.unmasked as {}

# A rule of its own: what the rules share is worked out once for a row, and not once for each `with`.
verdict := reasons if {
	reasons := {entry.id | some entry in (postgres.deny | postgres.require)}
	count(reasons) > 0
} else := ok if {
	postgres.allow
} else := {"countersign.silence"}

ok := {"postgres.allow"}

test_what_is_granted_runs if {
	wrong({
		"analyst reads": [[reading], "analysts", ok],
		"nothing at all": [[], "analysts", ok],
		"analyst does not write": [[writing("public.notes", ["insert"], false)], "analysts", {"pg.read_only"}],
		"engineer writes": [[writing("public.notes", ["insert"], false)], "engineers", ok],
		"stranger reads": [[reading], "strangers", {"pg.effect"}],
		"contractor does not copy": [[copying("in", "client", {"relations": []})], "contractors", {"pg.effect"}],
		"engineer maintains": [[st({"kind": "vacuum", "effects": ["maintenance"]})], "engineers", ok],
		"no effects said": [[st({"effects": []})], "leads", {"countersign.silence"}],
		"an effect nobody knows": [[st({"effects": ["other"]})], "leads", {"pg.effect"}],
		"all of two": [[reading, writing("public.notes", ["insert"], false)], "analysts", {"pg.read_only"}],
	}) == set()
}

test_nobody_changes_the_schema_or_the_rights if {
	wrong({
		"ddl": [[st({"kind": "drop", "effects": ["ddl"]})], "leads", {"pg.ddl"}],
		"dcl": [[st({"kind": "grant", "effects": ["dcl"]})], "leads", {"pg.dcl"}],
	}) == set()
}

test_what_data_grants_is_granted_but_for_what_is_forbidden if {
	world := {"appdb/bank": {"groups": ["dba"], "effects": {"ddl": ["dba"]}}}
	said(ask([st({"kind": "create_table", "effects": ["ddl"]})], "dba")) == ok with data.postgres.databases as world
	said(ask([st({"kind": "load", "effects": ["ddl"]})], "dba")) == {"pg.forbidden"} with data.postgres.databases as world
}

test_a_database_of_its_own_entry_has_no_other if {
	world := object.union(data.postgres.databases, {"appdb/bank": {"groups": ["dba"], "effects": {"read": ["dba"]}}})
	said(ask([reading], "analysts")) == {"pg.effect"} with data.postgres.databases as world
}

test_what_drivers_do_by_themselves_is_open if {
	world := {"appdb/*": {"groups": ["guests"], "effects": {}}}
	cases := {
		"catalogue": st({"relations": on("pg_catalog.pg_class", ["read"])}),
		"information schema": st({"relations": on("information_schema.tables", ["read"])}),
		"version": calling("pg_catalog", "version", {}),
		"no table": st({}),
		"begin": commit,
		"discard": st({"kind": "discard", "effects": ["session"]}),
		"listen": st({"kind": "listen", "effects": ["notify", "session"]}),
		"set_config": object.union(calling("pg_catalog", "set_config", {"class": "setting"}), {"effects": ["read", "session"], "settings": [{"name": "jit", "value": "off"}]}),
		"DateStyle": setting("DateStyle", "ISO"),
		"strings": setting("standard_conforming_strings", "on"),
		"encoding": setting("client_encoding", "UTF8"),
		"reset": setting("standard_conforming_strings", null),
		"own role again": setting("role", null),
		"no role": setting("role", "NONE"),
	}
	{note | not are_open([one | some one in cases], world); some note, one in cases; not are_open([one], world)} == set()
	closed := {
		"a table": reading,
		"a function of one's own": calling("public", "read_all", {}),
		"notify": st({"kind": "notify", "effects": ["notify"]}),
		"no session statement": st({"kind": "checkpoint", "effects": ["session"]}),
	}
	{note | some note, one in closed; are_open([one], world)} == set()
}

are_open(statements, world) if said(ask(statements, "guests")) == ok with data.postgres.databases as world

test_settings_are_those_that_data_lists if {
	wrong({
		"unlisted": [[setting("session_replication_role", "replica")], "leads", {"pg.setting"}],
		"strings off": [[setting("standard_conforming_strings", "off")], "leads", {"pg.setting"}],
		"encoding": [[setting("client_encoding", "SJIS")], "leads", {"pg.setting"}],
		"value unknown": [[setting("client_encoding", {"unknown": true})], "leads", {"pg.setting"}],
		"name unknown": [[setting("", "x")], "leads", {"pg.setting"}],
		"no name": [[setting(null, "x")], "leads", {"pg.setting"}],
		"role": [[setting("role", "postgres")], "leads", {"pg.role"}],
		"session": [[setting("session_authorization", "postgres")], "leads", {"pg.role"}],
		"replication": [[setting("replication", "database")], "leads", {"pg.replication", "pg.setting"}],
	}) == set()
}

test_what_cannot_be_read_is_not_sent if {
	failed := object.union(ask([], "leads"), {"findings": {"sql": {"status": "error", "message": "syntax error at or near \"x\"", "position": 8}}})
	some reason in refusals(failed)
	reason.id == "pg.unparsed"
	reason.msg == "The gateway cannot read this as SQL, so it was not sent: syntax error at or near \"x\" (character 8)."
	every over in [{"findings": {"sql": {"status": "unavailable"}}}, {"findings": {"sql": {"status": "error"}}}, {"request": {"unparsed": true}}] {
		said(object.union(ask([reading], "leads"), over)) == {"pg.unparsed"}
	}
	said(object.union(object.remove(ask([], "leads"), ["request"]), {"request": {"protocol": "postgres"}})) == {"pg.unparsed"}
	"pg.unparsed" in said(object.remove(ask([reading], "leads"), ["findings"]))
}

from_agent(statements, group) := object.union(ask(statements, group), {"subject": {"type": "agent"}})

test_an_agent_sends_one_statement_at_a_time if {
	cases := {
		"one": [[reading], ok],
		"commit": [[commit], ok],
		"commit and drop": [[commit, st({"kind": "drop", "effects": ["ddl"]})], {"pg.tx_control", "pg.multi", "pg.ddl"}],
		"two": [[reading, reading], {"pg.multi"}],
		"a driver's reset": [[calling("pg_catalog", "pg_advisory_unlock_all", {}), setting("all", null)], ok],
	}
	{note | some note, [statements, reasons] in cases; said(from_agent(statements, "analysts")) != reasons} == set()
	told := object.union(from_agent([reading], "analysts"), {"request": {"multi": true}})
	said(told) == {"pg.multi"}
	said(ask([reading, commit], "analysts")) == ok
}

test_functions_that_reach_elsewhere_are_refused if {
	wrong({
		"file": [[calling("pg_catalog", "pg_read_file", {"class": "file"})], "leads", {"pg.routine"}],
		"dblink": [[calling("public", "dblink", {"class": "dblink"})], "leads", {"pg.routine"}],
		"copy to a file": [[copying("out", "file", {"relations": []})], "leads", {"pg.copy_file"}],
		"copy from the client": [[copying("in", "client", {"relations": []})], "leads", ok],
	}) == set()
}

test_a_function_by_number_is_called_where_data_lists_its_class if {
	statement := object.union(calling("pg_catalog", "lo_open", {"class": "lo"}), {"kind": "function_call", "effects": ["execute"]})
	asked := object.union(object.remove(ask([statement], "engineers"), ["findings"]), {"action": {"name": "pg.function_call"}, "findings": {"projected": []}})
	said(asked) == {"pg.function_call", "pg.routine"}
	said(asked) == ok with data.postgres.function_calls as ["lo"] with data.postgres.denied_routines as []
	none := object.union(asked, {"request": {"statements": []}})
	"pg.function_call" in said(none) with data.postgres.function_calls as ["lo"]
}

seen(asked) := reasons if reasons := verdict with input as asked with data.postgres.observe as [] with data.postgres.unmasked as {"appdb": ["engineers"]}

test_an_unknown_name_is_said if {
	untold({"unknown": ["unresolved_relation"], "relations": on("?.custmers", ["read"])}) == {"This names something that is not in the catalogue, or that the gateway does not know yet: custmers."}
	untold({"unknown": ["unresolved_routine"], "routines": [{"schema": "", "name": "uper", "volatility": "v", "is_known": false}]}) == {"This names something that is not in the catalogue, or that the gateway does not know yet: uper."}
	untold({"unknown": ["unresolved_column"], "relations": on("public.notes", ["read"])}) == {"This names something that is not in the catalogue, or that the gateway does not know yet: a column."}
	untold({"unknown": ["unresolved_column", "dynamic_sql"]}) == {"What this would read or write cannot be told, and you may not see every column: dynamic_sql."}
	untold({"unknown": ["unresolved_column"], "relations": on("pg_catalog.pg_class", ["read"])}) == set()
}

test_who_may_drop_may_drop_what_hangs_on_it if {
	dropped := st({"kind": "drop", "effects": ["ddl"], "relations": on("public.notes", ["ddl"]), "unknown": ["unnamed_objects"]})
	migrating := object.union(data.postgres.databases, {"appdb/*": {"groups": ["engineers"], "effects": {"ddl": ["engineers"], "write": ["engineers"]}}})
	said(ask([dropped], "engineers")) == {"pg.ddl"}
	said(ask([dropped], "engineers")) == ok with data.postgres.databases as migrating
	protected := object.union(dropped, {"relations": on("public.accounts", ["ddl"])})
	said(ask([protected], "engineers")) == {"pg.protected"} with data.postgres.databases as migrating
	schema := object.union(dropped, {"relations": []})
	said(ask([schema], "engineers")) == {"pg.cascade"} with data.postgres.databases as migrating
	said(ask([schema], "engineers")) == ok with data.postgres.databases as migrating with data.postgres.protected as {}
	emptied := object.union(writing("public.notes", ["truncate"], false), {"kind": "truncate", "unknown": ["unnamed_objects"]})
	said(ask([emptied], "engineers")) == {"pg.opaque", "pg.truncate"} with data.postgres.databases as migrating
	renamed := object.union(schema, {"kind": "rename"})
	said(ask([renamed], "engineers")) == {"pg.cascade"} with data.postgres.databases as migrating
	said(ask([object.remove(renamed, ["unknown"])], "engineers")) == ok with data.postgres.databases as migrating
	owned := object.union(schema, {"kind": "drop_owned", "effects": ["ddl", "write"]})
	seen(ask([owned], "engineers")) == {"pg.cascade"} with data.postgres.databases as migrating
	mixed := object.union(dropped, {"unknown": ["unnamed_objects", "dynamic_sql"]})
	said(ask([mixed], "engineers")) == {"pg.opaque"} with data.postgres.databases as migrating
	database := object.union(dropped, {"kind": "drop_database", "effects": ["ddl", "write"]})
	said(ask([database], "engineers")) == {"pg.opaque"} with data.postgres.databases as migrating
}

test_a_relation_with_secrets_is_named_once if {
	servers := [{"name": "pg_catalog.pg_foreign_server", "access": ["read"], "labels": ["system_sensitive"]}]
	said(ask([st({"unknown": ["system_sensitive"], "relations": servers})], "engineers")) == {"pg.system_sensitive"}
	said(ask([st({"unknown": ["system_sensitive"], "relations": on("pg_toast.pg_toast_1", ["read"])})], "engineers")) == {"pg.opaque"}
}

untold(over) := {entry.msg | some entry in refusals(ask([st(over)], "leads"))}

refusals(asked) := entries if entries := postgres.deny with input as asked with data.postgres.unmasked as {}

test_who_may_not_see_everything_runs_nothing_opaque if {
	cases := {
		"dynamic sql": [st({"unknown": ["dynamic_sql"]}), "pg.opaque"],
		"do": [st({"kind": "do", "effects": ["execute"]}), "pg.opaque"],
		"statistics": [st({"relations": [{"name": "pg_catalog.pg_stats", "access": ["read"], "labels": ["system_sensitive"]}]}), "pg.system_sensitive"],
	}
	{note | some note, [statement, id] in cases; said(ask([statement], "engineers")) != {id}} == set()
	{note | some note, [statement, _] in cases; seen(ask([statement], "engineers")) != ok} == set()
}

executing(over) := object.union(reading, object.union({"kind": "execute", "effects": ["execute", "read"]}, over))

test_a_prepared_statement_runs_as_what_was_prepared if {
	said(ask([executing({})], "analysts")) == ok
	said(ask([executing({"effects": ["execute", "write"]})], "analysts")) == {"pg.read_only"}
	seen(ask([executing({"unknown": ["unresolved_prepared"]})], "engineers")) == {"pg.unknown_statement"}
}

with_facts(facts) := object.union(ask([reading], "engineers"), {"request": facts})

compared(operator) := with_facts({"sensitive_predicate": [{"name": "public.customers.ssn", "class": "US_SSN", "operator": operator}]})

test_masked_columns_are_neither_searched_nor_copied if {
	said(compared("=")) == ok
	every operator in ["other", ""] {
		said(compared(operator)) == {"pg.sensitive_predicate"}
	}
	flow := with_facts({"sensitive_write": [{"name": "public.customers.ssn", "class": "US_SSN", "into": "public.notes.text"}]})
	said(flow) == {"pg.sensitive_write"}
	seen(object.union(flow, compared("other"))) == ok
}

failure_of(functions) := with_facts({"sensitive_predicate": [{"name": "public.customers.ssn", "class": "US_SSN", "operator": "failure", "functions": functions}]})

test_an_error_does_not_tell_a_masked_value if {
	said(failure_of(["/", "ascii"])) == {"pg.sensitive_failure"}
	said(failure_of([])) == {"pg.sensitive_failure"}
	some reason in refusals(failure_of(["/", "ascii"]))
	startswith(reason.msg, "These may fail by the value of a masked column, and an error would tell it: / ascii (public.customers.ssn). ")
	said(failure_of(["/"])) == ok with data.postgres.plain_operators as ["=", "failure"]
	seen(failure_of(["/"])) == ok
}

test_what_a_tool_keeps_for_itself_is_written_whole if {
	kept := {"appdb": ["public.lock"]}
	said(ask([writing("public.lock", ["update"], false)], "engineers")) == ok with data.postgres.bookkeeping as kept
	said(ask([writing("public.lock", ["truncate"], false)], "engineers")) == ok with data.postgres.bookkeeping as kept
	said(ask([writing("public.lock", ["update"], false)], "engineers")) == {"pg.whole_table"}
	said(ask([writing("public.lock", ["truncate"], false)], "engineers")) == {"pg.truncate"}
	both := object.union(writing("public.lock", ["update"], false), {"relations": array.concat(on("public.lock", ["update"]), on("public.notes", ["delete"]))})
	said(ask([both], "engineers")) == {"pg.whole_table"} with data.postgres.bookkeeping as kept
}

test_a_lead_approves_what_reaches_many_rows if {
	wrong({
		"update all": [[writing("public.notes", ["update"], false)], "leads", {"pg.whole_table"}],
		"where not said": [[object.remove(writing("public.notes", ["update"], false), ["has_where"])], "leads", {"pg.whole_table"}],
		"truncate": [[writing("public.notes", ["truncate"], false)], "engineers", {"pg.truncate"}],
		"protected": [[writing("public.customers", ["insert"], false)], "engineers", {"pg.protected"}],
		"protected, some": [[writing("public.accounts", ["delete"], true)], "ci", {"pg.protected"}],
		"a plan of it": [[object.union(writing("public.customers", ["delete"], false), {"kind": "explain", "effects": ["read"]})], "analysts", ok],
		"export": [[copying("out", "client", {})], "analysts", {"pg.bulk_export"}],
		"a few rows": [[copying("out", "client", {"limit": 10})], "analysts", ok],
		"another table": [[copying("out", "client", {"relations": on("public.notes", ["read"])})], "analysts", ok],
	}) == set()
	held := decide(ask([writing("public.customers", ["update"], true)], "engineers"))
	held.effect == "require"
	held.approval.groups == {{"any_of": ["leads"], "min": 1}}
}

test_the_servers_own_tables_are_not_written_to if {
	every name in ["pg_catalog.pg_class", "pg_catalog.pg_settings", "information_schema.sql_features"] {
		said(ask([writing(name, ["update"], true)], "engineers")) == {"pg.system_write"}
		seen(ask([writing(name, ["delete"], true)], "engineers")) == {"pg.system_write"}
	}
	said(ask([st({"effects": ["write"], "relations": on("pg_catalog.pg_class", ["read", "lock"])})], "engineers")) == ok
	said(ask([object.union(writing("pg_catalog.pg_class", ["update"], true), {"kind": "explain", "effects": ["read"]})], "engineers")) == ok
	some reason in refusals(ask([writing("pg_catalog.pg_class", ["update"], true)], "leads"))
	reason.msg == "These are the server's own tables: use ALTER, GRANT or SET instead of writing to pg_catalog.pg_class."
}

as_action(asked, name) := object.union(asked, {"action": {"name": name}})

test_preparing_asks_nobody_but_is_refused_all_the_same if {
	delete := [writing("public.customers", ["delete"], false)]
	said(as_action(ask(delete, "engineers"), "pg.prepare")) == ok
	said(as_action(ask(delete, "analysts"), "pg.prepare")) == {"pg.read_only"}
}

test_a_lead_approves_what_nobody_can_read if {
	cases := {
		"a block": st({"kind": "do", "effects": ["execute"], "unknown": ["dynamic_sql"]}),
		"a procedure": st({"kind": "call", "effects": ["execute", "write"], "unknown": ["opaque_routine"]}),
		"a rule": object.union(writing("public.notes", ["insert"], true), {"unknown": ["rewrite_rule"]}),
		"a built-in": object.union(calling("pg_catalog", "query_to_xml", {"class": "dynamic_sql"}), {"effects": ["execute"], "unknown": ["dynamic_sql"]}),
	}
	{note | some note, statement in cases; seen(ask([statement], "engineers")) != {"pg.unseen"}} == set()
	{note | some note, statement in cases; said(ask([statement], "engineers")) != {"pg.opaque"}} == set()
	seen(ask([st({"effects": ["execute"], "unknown": ["opaque_routine"]})], "engineers")) == ok
}

test_a_notification_comes_through if {
	asked := object.remove(as_action(ask([], "analysts"), "pg.notification"), ["request", "findings"])
	heard := object.union(asked, {"request": {"protocol": "postgres"}, "findings": {"projected": []}})
	said(heard) == ok
	stranger := object.union(heard, {"subject": {"properties": {"groups": ["strangers"]}}})
	ids(decide(stranger)) == {"countersign.access"}
}

masks(asked) := {rule.id | some rule in rules} if rules := postgres.mask with input as asked with data.postgres.observe as []

test_masks_go_by_group if {
	analyst := masks(ask([reading], "analysts"))
	lead := masks(ask([reading], "leads")) with data.postgres.unmasked as {}
	{"pg.ssn", "pg.card", "pg.account", "pg.contact", "pg.birth"} - analyst == set()
	analyst - lead == {"pg.contact", "pg.birth"}
	sighted := decide(ask([reading], "engineers")) with data.postgres.unmasked as {"appdb": ["engineers"]}
	sighted.effect == "allow"
	masks(ask([reading], "engineers")) == set() with data.postgres.unmasked as {"appdb": ["engineers"]}
}

test_without_its_masks_no_statement if {
	decision := decide(ask([reading], "analysts")) with data.postgres.masks as {}
	decision.effect == "deny"
	ids(decision) == {"countersign.malformed"}
}

test_agents_and_contractors_read_less if {
	bounds(ask([reading], "analysts")) == {data.postgres.limits.all}
	min({bound.rows | some bound in bounds(ask([reading], "contractors"))}) == 1000
	min({bound.rows | some bound in bounds(from_agent([reading], "analysts"))}) == 1000
}

bounds(asked) := entries if entries := postgres.limit with input as asked with data.postgres.observe as []

test_rows_are_digested_unless_data_says_otherwise if {
	asked := ask([reading], "analysts")
	request.level == "digest" with input as asked
	request.level == "body" with input as asked with data.record as {"database": {"*": "digest", "appdb": "body"}}
}

# By these rules: what another package masks or limits is that package's to say.
is_spared(asked) if {
	postgres.mask == [] with input as asked
	postgres.unmasked with input as asked
	postgres.limit == set() with input as asked
}

test_an_observed_target_is_told_what_would_happen if {
	deleting := ask([writing("public.customers", ["delete"], false)], "analysts")
	decision := request.decision with input as deleting with data.postgres.observe as ["appdb"]
	decision.effect == "allow"
	ids(decision) == {"pg.read_only", "pg.whole_table", "pg.protected", "postgres.allow"}
	{reason.mode | some reason in decision.reasons; reason.id != "postgres.allow"} == {"dryrun"}
	is_spared(deleting) with data.postgres.observe as ["appdb"]
	stranger := ask([reading], "strangers")
	not access.may_call(stranger.subject, stranger.resource) with data.postgres.observe as ["appdb"]
}

test_a_transparent_target_lets_everything_through if {
	asked := object.union(ask([], "strangers"), {"findings": {"sql": {"status": "error"}}})
	decision := request.decision with input as asked with data.postgres.transparent as ["appdb"]
	decision.effect == "allow"
	ids(decision) == ok
	is_spared(asked) with data.postgres.transparent as ["appdb"]
}

test_a_list_shows_the_databases_one_may_use if {
	here := ask([], "analysts").resource
	elsewhere := {"type": "database", "id": "other/bank", "properties": {"target": "other"}}
	list.visible == [true, false] with input as {"subject": ask([], "analysts").subject, "items": [here, elsewhere]}
}
