package baseline_test

import data.countersign.request
import data.policies.baseline

ask(method, target, groups) := {
	"v": 1,
	"subject": {"type": "user", "id": "idp|u", "properties": {"groups": groups}},
	"action": {"name": method, "properties": {"effects": ["read"]}},
	"resource": {"type": "server", "id": target, "properties": {"target": target, "env": "test", "labels": []}},
	"request": {"protocol": "mcp", "method": method, "params": {}},
	"findings": {"pii": {"status": "ok", "classes": []}, "projected": []},
}

effect(method, target, groups) := answer if answer := request.decision.effect with input as ask(method, target, groups)
	with data.targets as {"bank": {"groups": ["analysts"]}}

test_plumbing_is_open_to_whoever_may_use_the_target if {
	count(data.baseline.methods) > 0
	wrong := {method | some method in data.baseline.methods; not is_open(method)}
	wrong == set()
	effect("initialize", "bank", ["analysts"]) == "allow"
}

# Of this package alone: the whole decision takes several times as long.
is_open(method) if baseline.allow with input as ask(method, "bank", ["analysts"])

test_no_group_no_plumbing if effect("initialize", "bank", []) == "deny"

test_another_target_is_another_question if effect("initialize", "elsewhere", ["analysts"]) == "deny"

test_a_method_that_is_not_listed_is_denied if {
	effect("sampling/createMessage", "bank", ["analysts"]) == "deny"
	not is_open("tasks/result")
}
