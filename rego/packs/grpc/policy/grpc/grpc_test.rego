package grpc_test

import data.countersign.list
import data.countersign.request
import data.policies.grpc

rpc(method) := {"type": "rpc", "id": concat("/", ["core", method]), "properties": {"target": "core", "env": "test", "labels": []}}

ask(method, effects, groups) := {
	"v": 1,
	"subject": {"type": "user", "id": "idp|u", "properties": {"groups": groups}},
	"action": {"name": "grpc.call", "properties": {"effects": effects}},
	"resource": rpc(method),
	"request": {"protocol": "grpc"},
	"findings": {"pii": {"status": "ok", "classes": []}, "projected": []},
}

decide(method, effects, groups) := answer if answer := request.decision with input as ask(method, effects, groups)

ids(decision) := {reason.id | some reason in decision.reasons}

test_methods_go_by_group if {
	cases := {
		"analyst reads, by the service's entry": ["bank.v1.Accounts/GetAccount", ["read"], "analysts", "allow"],
		"lead reads": ["bank.v1.Accounts/GetAccount", ["read"], "leads", "allow"],
		"ci does not": ["bank.v1.Accounts/GetAccount", ["read"], "ci", "deny"],
		"a method's own entry replaces the service's": ["bank.v1.Accounts/CloseAccount", ["read"], "analysts", "deny"],
		"and opens it to whom it names": ["bank.v1.Accounts/CloseAccount", ["read"], "leads", "allow"],
		"another method of a service that has no star": ["bank.v1.Rates/Set", ["read"], "analysts", "deny"],
		"another service": ["bank.v1.Payments/List", ["read"], "leads", "deny"],
		"no method": ["bank.v1.Accounts", ["read"], "leads", "deny"],
		"more than a method": ["bank.v1.Accounts/x/GetAccount", ["read"], "leads", "deny"],
	}
	wrong := {note | some note, row in cases; not goes_by_group(row)}
	wrong == set()
}

goes_by_group([method, effects, group, effect]) if decide(method, effects, [group]).effect == effect

test_what_changes_something_is_held if {
	cases := {
		"a write": ["bank.v1.Accounts/Open", ["write"], "require"],
		"a read that also writes": ["bank.v1.Accounts/Open", ["read", "write"], "require"],
		"nothing declared": ["bank.v1.Accounts/Open", [], "require"],
		"a read": ["bank.v1.Accounts/Open", ["read"], "allow"],
		"a write that needs nobody": ["bank.v1.Accounts/AddNote", ["write"], "allow"],
	}
	wrong := {note | some note, [method, effects, effect] in cases; not decide(method, effects, ["leads"]).effect == effect}
	wrong == set()
	held := decide("bank.v1.Accounts/Open", ["write"], ["leads"])
	ids(held) == {"grpc.mutation"}
	held.approval.groups == {{"any_of": ["leads"], "min": 1}}
}

test_a_server_is_not_asked_about_itself if {
	every method in ["grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "grpc.channelz.v1.Channelz/GetServers"] {
		"grpc.introspection" in ids(decide(method, ["read"], ["leads"]))
	}
	decide("grpc.health.v1.Health/Check", ["read"], ["ci"]).effect == "allow"
}

test_fields_are_masked if {
	{"grpc.ssn", "grpc.card", "grpc.account", "net"} - {rule.id | some rule in decide("bank.v1.Accounts/GetAccount", ["read"], ["leads"]).mask} == set()
}

test_without_its_masks_no_call if {
	asked := ask("bank.v1.Accounts/GetAccount", ["read"], ["leads"])
	every broken in [{"masks": null}, {}] {
		world := object.union(object.remove(data.grpc, ["masks"]), broken)
		decision := request.decision with input as asked with data.grpc as world
		decision.effect == "deny"
		"countersign.malformed" in ids(decision)
	}
}

# Of this package: another's may be tighter.
limits(method, effects, groups) := those if those := grpc.limit with input as ask(method, effects, groups)

test_a_call_ends_and_a_stream_may_last if {
	limits("bank.v1.Rates/Quote", ["read"], ["analysts"]) == {{"bytes": 4194304, "timeout_ms": 30000}}
	limits("bank.v1.Rates/Watch", ["read"], ["analysts"]) == set()
	decide("bank.v1.Rates/Quote", ["read"], ["contractors"]).limits.rate == {"key": "subject", "per_min": 60}
}

test_other_protocols_are_none_of_its_business if {
	other := object.union(ask("bank.v1.Accounts/GetAccount", ["write"], ["leads"]), {"action": {"name": "http.post", "properties": {"effects": ["write"]}}})
	decision := request.decision with input as other
	ids(decision) == {"countersign.silence"}
}

test_a_list_shows_what_may_be_called if {
	items := [rpc("bank.v1.Accounts/GetAccount"), rpc("bank.v1.Accounts/CloseAccount"), rpc("bank.v1.Rates/Set")]
	list.visible == [true, false, false] with input as {"subject": ask("", [], ["analysts"]).subject, "items": items}
}
