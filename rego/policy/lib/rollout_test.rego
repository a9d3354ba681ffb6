package rollout_test

import data.countersign.request

call(env) := {
	"v": 1,
	"phase": "request",
	"subject": {"type": "user", "id": "idp|u", "properties": {"groups": ["g"]}},
	"action": {"name": "tools/call", "properties": {"effects": ["read"]}},
	"resource": {"type": "server", "id": "t", "properties": {"target": "t", "env": env, "labels": []}},
	"request": {"protocol": "mcp", "arguments": {}},
	"findings": {"pii": {"status": "ok", "classes": []}, "projected": []},
}

# What becomes of a refusal that says of itself `entry`, in an environment, under what data says about its rollout.
decide(entry, env, rollout) := answer if answer := request.decision with input as call(env)
	with data.policies as {"it": {"allow": true, "deny": {entry}}}
	with data.targets as {"t": {"groups": ["g"]}}
	with data.rollout as rollout

plain := {"id": "it.no", "msg": "m"}

warned := {"id": "it.no", "msg": "m", "mode": "warn"}

# Of the library's own rule: the whole decision takes several times as long.
mode(entry, env, rollout) := said if said := request.mode(entry) with input as call(env) with data.rollout as rollout

test_a_rule_is_rolled_out_environment_by_environment if {
	staged := {"it.no": {"test": "enforce", "prod": "dryrun", "*": "warn"}}
	cases := {
		"enforced where its environment says so": [plain, "test", staged, "enforce"],
		"a dry run where its environment says so": [plain, "prod", staged, "dryrun"],
		"the others by the star": [plain, "staging", staged, "warn"],
		"one mode for everywhere": [plain, "prod", {"it.no": "dryrun"}, "dryrun"],
		"data beats what the rule says of itself": [warned, "prod", {"it.no": {"prod": "enforce"}}, "enforce"],
		"an environment that is not named, without a star: what the rule says": [warned, "prod", {"it.no": {"test": "dryrun"}}, "warn"],
		"and where it says nothing, it enforces": [plain, "prod", {"it.no": {"test": "dryrun"}}, "enforce"],
		"another rule's rollout is none": [warned, "prod", {"it.other": "dryrun"}, "warn"],
	}
	wrong := {note | some note, row in cases; not becomes(row)}
	wrong == set()
}

test_a_rollout_with_a_typo_enforces if {
	cases := {
		"a mode that is none": [warned, "prod", {"it.no": "warm"}, "enforce"],
		"in an environment": [warned, "prod", {"it.no": {"prod": "warm", "*": "dryrun"}}, "enforce"],
		"under the star": [warned, "prod", {"it.no": {"*": "warm"}}, "enforce"],
		"false": [warned, "prod", {"it.no": false}, "enforce"],
		"false in an environment": [warned, "prod", {"it.no": {"prod": false}}, "enforce"],
		"a list": [warned, "prod", {"it.no": ["warn"]}, "enforce"],
	}
	wrong := {note | some note, row in cases; not becomes(row)}
	wrong == set()
}

becomes([entry, env, rollout, expected]) if mode(entry, env, rollout) == expected

test_a_mode_decides_the_effect if {
	decide(plain, "prod", {"it.no": {"prod": "warn"}}).effect == "allow"
	decide(plain, "test", {"it.no": {"prod": "warn"}}).effect == "deny"
}

test_a_severity_is_passed_on if {
	every severity in ["low", "medium", "high", "critical"] {
		some reason in decide(object.union(plain, {"severity": severity}), "prod", {}).reasons
		reason.severity == severity
	}
}

test_a_severity_that_is_none_is_left_out_and_the_rule_holds if {
	decision := decide(object.union(plain, {"severity": "urgent"}), "prod", {})
	decision.effect == "deny"
	decision.reasons == [{"id": "it.no", "msg": "m", "controls": [], "mode": "enforce"}]
}
