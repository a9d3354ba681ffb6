package mcp_test

import data.countersign.request
import data.policies.mcp

ask(tool, arguments, groups) := {
	"v": 1,
	"subject": {"type": "user", "id": "idp|u", "properties": {"groups": groups}},
	"action": {"name": "tools/call", "properties": {"effects": ["read"]}},
	"resource": {"type": "tool", "id": concat("/", ["bank", tool]), "properties": {"target": "bank", "env": "test", "labels": []}},
	"request": {"protocol": "mcp", "method": "tools/call", "tool": tool, "arguments": arguments},
	"findings": {"pii": {"status": "ok", "classes": []}, "projected": []},
}

decide(tool, arguments, groups) := answer if answer := request.decision with input as ask(tool, arguments, groups)

ids(decision) := {reason.id | some reason in decision.reasons}

test_tools_go_by_group if {
	cases := {
		"analyst reports": ["run_report", {"report": "largest_accounts"}, "analysts", "allow"],
		"contractor reports": ["run_report", {"report": "largest_accounts"}, "contractors", "allow"],
		"ci does not report": ["run_report", {"report": "largest_accounts"}, "ci", "deny"],
		"analyst looks up": ["lookup_customer", {"id": 1}, "analysts", "allow"],
		"engineer does not look up": ["lookup_customer", {"id": 1}, "engineers", "deny"],
		"analyst exports": ["export_customers", {}, "analysts", "require"],
		"lead exports": ["export_customers", {}, "leads", "require"],
		"engineer does not export": ["export_customers", {}, "engineers", "deny"],
		"analyst deletes": ["delete_customer", {"id": 1}, "analysts", "require"],
		"ci deploys": ["deploy_model", {}, "ci", "require"],
		"analyst does not deploy": ["deploy_model", {}, "analysts", "deny"],
		"nobody calls the unknown": ["format_disk", {}, "leads", "deny"],
	}
	wrong := {note | some note, row in cases; not goes_by_group(row)}
	wrong == set()
}

goes_by_group([tool, arguments, group, expected]) if effect == expected with input as ask(tool, arguments, [group])

# Of this package alone, by the library's order: the whole decision takes several times as long.
effect := "deny" if {
	count(mcp.deny) > 0
} else := "deny" if {
	not mcp.allow
} else := "require" if {
	count(mcp.require) > 0
} else := "allow"

refused(tool, arguments, groups) := {entry.id | some entry in entries} if entries := mcp.deny with input as ask(tool, arguments, groups)

test_changing_the_schema_is_denied_with_advice if {
	every tool in ["drop_table", "alter_table", "truncate_customers", "grant_role", "create_table"] {
		refused(tool, {}, ["leads", "engineers"]) == {"mcp.schema_change"}
	}
	decision := decide("drop_table", {}, ["leads", "engineers"])
	decision.effect == "deny"
	ids(decision) == {"mcp.schema_change"}
	some reason in decision.reasons
	contains(reason.msg, "run_report")
}

test_a_report_has_a_plain_name if {
	cases := {
		"walks": {"report": "../../etc/passwd"},
		"sql": {"report": "a; drop table x"},
		"empty": {"report": ""},
		"long": {"report": concat("", ["a" | some _ in numbers.range(1, 65)])},
		"number": {"report": 7},
		"projected": {"report": {"class": "US_SSN", "token": "t"}},
		"planted": {"report": "x ⟦US_SSN:abc⟧"},
		"missing": {},
	}
	wrong := {note | some note, row in cases; not is_no_report(row)}
	wrong == set()
}

is_no_report(arguments) if "mcp.report_name" in refused("run_report", arguments, ["analysts"])

test_a_path_stays_inside if {
	cases := {
		"absolute": "/etc/passwd",
		"climbs": "a/../../b",
		"backslash": "..\\x",
		"projected": {"class": "PAN", "token": "t"},
		"list": ["/etc"],
		"planted": "/etc/⟦US_SSN:abc⟧",
		"false": false,
	}
	wrong := {note | some note, row in cases; not is_outside(row)}
	wrong == set()
}

is_outside(path) if "mcp.path" in refused("lookup_customer", {"id": 1, "path": path}, ["analysts"])

test_a_relative_path_is_fine if decide("lookup_customer", {"path": "reports/q3.csv"}, ["analysts"]).effect == "allow"

test_who_approves if {
	ids(decide("deploy_model", {}, ["ci"])) == {"mcp.deployment"}
	ids(decide("delete_customer", {"id": 1}, ["leads"])) == {"mcp.delete"}
	ids(decide("export_customers", {}, ["leads"])) == {"mcp.bulk_export"}
	decide("export_customers", {}, ["analysts"]).approval.groups == {{"any_of": ["leads"], "min": 1}}
	decide("deploy_model", {}, ["ci"]).approval.groups == {{"any_of": ["engineers-lead", "leads"], "min": 1}}
}

masks(groups) := {rule.id | some rule in rules} if rules := mcp.mask with input as ask("lookup_customer", {"id": 1}, groups)

test_fields_are_masked_for_everyone_contact_for_all_but_leads if {
	{"mcp.ssn", "mcp.card", "mcp.account", "mcp.contact", "mcp.birth"} - masks(["analysts"]) == set()
	{"mcp.contact", "mcp.birth"} & masks(["leads"]) == set()
	"mcp.ssn" in masks(["leads"])
}

test_without_its_masks_no_call if {
	asked := ask("lookup_customer", {"id": 1}, ["analysts"])
	decision := request.decision with input as asked with data.mcp.masks as {"all": []}
	decision.effect == "deny"
	"countersign.malformed" in ids(decision)
}

# A client that breaks off and resumes must not get the fields of its calls in full.
test_a_listening_stream_is_masked_as_its_calls_are if {
	listening := object.union(ask("", {}, ["analysts"]), {"action": {"name": "session/stream", "properties": {"effects": ["read"]}}, "resource": {"type": "server", "id": "bank", "properties": {"target": "bank", "env": "test", "labels": []}}})
	kept := mcp.mask with input as listening
	{"mcp.ssn", "mcp.contact"} - {rule.id | some rule in kept} == set()
	listing := object.union(listening, {"action": {"name": "tools/list", "properties": {"effects": ["read"]}}})
	mcp.mask == [] with input as listing
}

test_contractors_work_slowly if {
	limits := decide("run_report", {"report": "a"}, ["contractors"]).limits
	limits.bytes == 262144
	limits.rate == {"key": "subject", "per_min": 60}
	others := mcp.limit with input as ask("run_report", {"report": "a"}, ["analysts"])
	{bound | some bound in others; bound.rate} == set()
}
