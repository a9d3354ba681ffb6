package ffiec_test

import data.countersign.request
import data.policies.ffiec

# Baseline opens everything here, and may_call lets everybody in: what is left is what this pack says.
analyst := {"type": "user", "id": "idp|ana", "properties": {"groups": ["analysts"], "acr": "phr", "amr": ["pwd", "mfa"]}}

contractor := {"type": "user", "id": "idp|con", "properties": {"groups": ["contractors"], "acr": "phr", "amr": []}}

by_password := {"type": "user", "id": "idp|ana", "properties": {"groups": ["analysts"], "acr": "", "amr": ["pwd"]}}

by_hardware := {"type": "user", "id": "idp|ana", "properties": {"groups": ["analysts"], "acr": "", "amr": ["hwk", "mfa"]}}

job := {"type": "service", "id": "idp|job", "properties": {"groups": ["ci"], "acr": "", "amr": []}}

sponsored := object.union(job, {"sponsor": "idp|eli"})

agent := object.union(analyst, {"type": "agent", "actor": {"type": "agent", "id": "desk-agent", "chain": []}})

ask(subject, effects, env) := {
	"v": 1,
	"subject": subject,
	"action": {"name": "test", "properties": {"effects": effects}},
	"resource": {"type": "server", "id": "bank", "properties": {"target": "bank", "env": env, "labels": []}},
	"request": {"protocol": "mcp"},
	"findings": {"pii": {"status": "ok", "classes": []}, "projected": []},
	"context": {"ticket": "CHG-1"},
}

on(asked, properties) := object.union(asked, {"resource": {"type": "database", "id": "bank/core", "properties": properties}})

decide(asked) := answer if answer := request.decision with input as asked
	with data.countersign.access.may_call as let_in
	with data.policies.baseline as {"allow": true}
	with data.policies.postgres as {}
	with data.ffiec.agents as {"desk-agent": ["bank"]}

let_in(_, _) := true

said(asked) := {reason.id: reason.mode | some reason in decide(asked).reasons; reason.id != "baseline.allow"}

test_what_each_rule_says if {
	cases := {
		"a read in production": [ask(analyst, ["read"], "prod"), {}],
		"a change of the schema in production": [ask(analyst, ["ddl"], "prod"), {"ffiec.privileged": "enforce"}],
		"in test": [ask(analyst, ["ddl"], "test"), {}],
		"emptying a table, which is a write like others": [on(ask(analyst, ["write"], "prod"), {"relations": [{"name": "t", "access": ["truncate"]}]}), {"ffiec.privileged": "enforce"}],
		"writing to it": [on(ask(analyst, ["write"], "prod"), {"relations": [{"name": "t", "access": ["insert"]}]}), {}],
		"without a ticket": [object.union(ask(analyst, ["ddl"], "prod"), {"context": {"ticket": ""}}), {"ffiec.privileged": "enforce", "ffiec.change_ticket": "warn"}],
		"with a password alone": [ask(by_password, ["ddl"], "test"), {"ffiec.mfa": "enforce"}],
		"reading with a password alone": [ask(by_password, ["read"], "test"), {}],
		"with a second factor that amr names": [ask(by_hardware, ["ddl"], "test"), {}],
		"a service without a sponsor": [ask(job, ["read"], "test"), {"ffiec.sponsor": "enforce"}],
		"a service whose sponsor is nobody": [ask(object.union(job, {"sponsor": ""}), ["read"], "test"), {"ffiec.sponsor": "enforce"}],
		"a service with a sponsor has no second factor": [ask(sponsored, ["ddl"], "test"), {}],
		"an agent on a system that is declared": [ask(agent, ["read"], "prod"), {}],
		"an agent on another": [on(ask(agent, ["read"], "prod"), {"target": "payments"}), {"ffiec.agent_target": "enforce"}],
		"another agent": [ask(object.union(agent, {"actor": {"id": "other"}}), ["read"], "prod"), {"ffiec.agent_target": "enforce"}],
		"an agent in test": [ask(object.union(agent, {"actor": {"id": "other"}}), ["read"], "test"), {}],
		"a third party": [ask(contractor, ["deploy"], "prod"), {"ffiec.third_party": "enforce", "ffiec.privileged": "enforce"}],
		"a third party reads": [ask(contractor, ["read"], "prod"), {}],
		"writing to a log": [on(ask(analyst, ["write"], "test"), {"labels": ["audit_trail"]}), {"ffiec.audit_trail": "enforce"}],
		"writing to a table that is one": [on(ask(analyst, ["write"], "test"), {"relations": [{"name": "t", "access": ["insert"], "labels": ["audit_trail"]}]}), {"ffiec.audit_trail": "enforce"}],
		"no effect declared": [on(ask(analyst, [], "test"), {"labels": ["audit_trail"]}), {"ffiec.audit_trail": "enforce"}],
		"reading a log": [on(ask(analyst, ["read", "session"], "test"), {"labels": ["audit_trail"]}), {}],
		"an export": [ask(analyst, ["read", "export"], "prod"), {"ffiec.bulk_export": "enforce"}],
		"an export in test": [ask(analyst, ["read", "export"], "test"), {}],
		"COPY out": [object.union(on(ask(analyst, ["read", "copy"], "prod"), {}), {"request": {"statements": [{"copy": {"direction": "out"}}]}}), {"ffiec.bulk_export": "enforce"}],
		"COPY in": [object.union(on(ask(analyst, ["write", "copy"], "prod"), {}), {"request": {"statements": [{"copy": {"direction": "in"}}]}}), {}],
	}
	wrong := {note: said(asked) | some note, [asked, expected] in cases; not said(asked) == expected}
	wrong == {}
}

test_a_privileged_operation_is_held_for_a_lead if {
	decision := decide(ask(analyst, ["ddl"], "prod"))
	decision.effect == "require"
	decision.approval.groups == {{"any_of": ["leads"], "min": 1}}
	decision.approval.break_glass == false
}

# Of this package: another's may be tighter.
limits(asked) := those if those := ffiec.limit with input as asked

test_one_answer_is_no_export if {
	limits(on(ask(analyst, ["read"], "prod"), {})) == {{"rows": 10000, "bytes": 67108864}}
	limits(on(ask(analyst, ["read"], "test"), {})) == set()
	limits(on(ask(analyst, ["read"], "prod"), {})) == set() with data.masks.unread as ["bank/core"]
}

test_without_its_data_it_refuses_everything if {
	every name in ["production", "privileged_effects", "privileged_access", "export_effects", "read_effects", "third_parties"] {
		without := object.remove(data.ffiec, [name])
		decision := decide(ask(analyst, ["read"], "test")) with data.ffiec as without
		decision.effect == "deny"
		some reason in decision.reasons
		reason.id == "ffiec.configuration"
	}
}

test_every_reason_says_how_severe_it_is_and_what_for if {
	reasons := decide(object.union(ask(contractor, ["ddl"], "prod"), {"context": {"ticket": ""}})).reasons
	count(reasons) == 3
	every reason in reasons {
		reason.severity in {"medium", "high"}
		count(reason.controls) > 0
	}
}
