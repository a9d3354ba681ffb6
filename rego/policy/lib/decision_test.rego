package lib_test

import data.countersign.list
import data.countersign.request

call(target, groups) := {
	"v": 1,
	"phase": "request",
	"subject": {"type": "user", "id": "idp|u", "properties": {"groups": groups}},
	"action": {"name": "tools/call", "properties": {"effects": ["read"]}},
	"resource": {"type": "server", "id": target, "properties": {"target": target, "env": "test", "labels": []}},
	"request": {"protocol": "mcp", "arguments": {}},
	"findings": {"pii": {"status": "ok", "classes": []}, "projected": []},
}

world(rules) := {"it": rules}

targets := {"t": {"groups": ["g"]}}

decide(rules) := answer if answer := request.decision with input as call("t", ["g"]) with data.policies as world(rules) with data.targets as targets

ids(decision) := {reason.id | some reason in decision.reasons}

needs_lead := {"id": "it.held", "msg": "m", "approval": {"template": "lead", "groups": [{"any_of": ["leads"], "min": 1}]}}

needs_two := {"id": "it.two", "msg": "m", "approval": {"template": "two", "groups": [{"any_of": ["risk"], "min": 2}], "quorum": 2, "ttl_s": 60, "justification": "optional", "break_glass": true}}

test_silence_is_deny if {
	decision := decide({})
	decision.effect == "deny"
	ids(decision) == {"countersign.silence"}
}

test_an_allow_names_its_package if {
	decision := decide({"allow": true})
	decision.effect == "allow"
	ids(decision) == {"it.allow"}
}

test_allow_without_access_is_deny if {
	decision := request.decision with input as call("t", ["others"]) with data.policies as world({"allow": true}) with data.targets as targets
	decision.effect == "deny"
	ids(decision) == {"countersign.access"}
}

test_deny_beats_require_beats_allow if {
	held := decide({"allow": true, "require": {needs_lead}})
	held.effect == "require"
	held.approval.quorum == 1
	denied := decide({"allow": true, "require": {needs_lead}, "deny": {{"id": "it.no", "msg": "m"}}})
	denied.effect == "deny"
	denied.approval == null
	"it.no" in ids(denied)
}

test_require_does_not_replace_allow if decide({"require": {needs_lead}}).effect == "deny"

test_several_requirements_are_met_together if {
	approval := decide({"allow": true, "require": {needs_lead, needs_two}}).approval
	approval.groups == {{"any_of": ["leads"], "min": 1}, {"any_of": ["risk"], "min": 2}}
	approval.quorum == 2
	approval.ttl_s == 60
	approval.justification == "required"
	approval.break_glass == false
}

test_a_warning_does_not_deny if {
	decision := decide({"allow": true, "deny": {{"id": "it.no", "msg": "m", "mode": "warn"}}})
	decision.effect == "allow"
	ids(decision) == {"it.no", "it.allow"}
}

test_a_rollout_in_data_wins if {
	decision := decide({"allow": true, "deny": {{"id": "it.no", "msg": "m"}}}) with data.rollout as {"it.no": "dryrun"}
	decision.effect == "allow"
	enforced := decide({"allow": true, "deny": {{"id": "it.no", "msg": "m", "mode": "warn"}}}) with data.rollout as {"it.no": "enforce"}
	enforced.effect == "deny"
}

test_an_unknown_mode_is_enforced if {
	decide({"allow": true, "deny": {{"id": "it.no", "msg": "m", "mode": "later"}}}).effect == "deny"
}

test_a_malformed_rule_denies if {
	cases := {
		"deny without message": {"allow": true, "deny": {{"id": "it.no"}}},
		"deny that is text": {"allow": true, "deny": {"no"}},
		"deny that is no set": {"allow": true, "deny": true},
		"mask that is no set": {"allow": true, "mask": true},
		"require without approval": {"allow": true, "require": {{"id": "it.r", "msg": "m"}}},
		"require without groups": {"allow": true, "require": {{"id": "it.r", "msg": "m", "approval": {"template": "x", "groups": []}}}},
		"limit of an unknown kind": {"allow": true, "limit": {{"row": 5}}},
		"limit that is no object": {"allow": true, "limit": {5}},
		"rate without a key": {"allow": true, "limit": {{"rate": {"per_min": 5}}}},
	}
	wrong := {note | some note, row in cases; not is_malformed(row)}
	wrong == set()
}

is_malformed(rules) if {
	decision := decide(rules)
	decision.effect == "deny"
	"countersign.malformed" in ids(decision)
}

test_allow_must_be_true if decide({"allow": "yes"}).effect == "deny"

test_an_undeclared_sensitive_value_denies if {
	asked := object.union(call("t", ["g"]), {"findings": {"projected": ["/arguments/n"]}})
	decision := request.decision with input as asked with data.policies as world({"allow": true}) with data.targets as targets
	decision.effect == "deny"
	ids(decision) == {"countersign.projected"}
}

test_missing_findings_deny if {
	asked := object.remove(call("t", ["g"]), ["findings"])
	decision := request.decision with input as asked with data.policies as world({"allow": true}) with data.targets as targets
	decision.effect == "deny"
}

test_another_version_has_no_answer if {
	asked := object.union(call("t", ["g"]), {"v": 2})
	not request.decision with input as asked with data.policies as world({"allow": true}) with data.targets as targets
}

test_the_tightest_limit_holds if {
	limits := decide({"allow": true, "limit": {{"rows": 5, "timeout_ms": 10}, {"rows": 3, "rate": {"key": "subject", "per_min": 9}}, {"rate": {"key": "target", "per_min": 4}}}}).limits
	limits == {"rows": 3, "timeout_ms": 10, "rate": {"key": "target", "per_min": 4}}
}

test_the_net_lies_under_every_rule if {
	mask := decide({"allow": true, "mask": {{"id": "m", "match": {"class": "X"}, "op": "null"}}}).mask
	count(mask) == count(data.masks.everywhere) + 1
}

test_limits_need_no_rate if decide({"allow": true, "limit": {{"rows": 5}, {"rows": 3}}}).limits == {"rows": 3}

test_a_single_limit_is_taken_as_it_is if {
	limit := {"rows": 5, "rate": {"key": "subject", "per_min": 9}}
	decide({"allow": true, "limit": {limit}}).limits == limit
}

test_masks_may_be_a_list if {
	rule := {"id": "m", "match": {"class": "X"}, "op": "null"}
	decide({"allow": true, "mask": [rule]}).mask == decide({"allow": true, "mask": {rule}}).mask
}

test_without_a_net_there_is_no_answer if {
	not decide({"allow": true}) with data.masks as {}
}

test_a_list_answers_once_for_each_item if {
	item := call("t", []).resource
	other := call("u", []).resource
	asked := {"subject": call("t", ["g"]).subject, "items": [item, other, item]}
	list.visible == [true, false, true] with input as asked with data.targets as targets
}

test_the_net_is_lifted_only_by_a_plain_yes if {
	decide({"allow": true, "unmasked": true}).mask == []
	every said in ["yes", false, null] {
		decide({"allow": true, "unmasked": said}).mask == data.masks.everywhere
	}
}

test_the_record_keeps_bodies_unless_data_says_less if {
	decide({"allow": true}).record == {"level": "body", "retention": "7y"}
	decide({"allow": true}).record.level == "meta" with data.record as {"server": {"*": "digest", "t": "meta"}}
}

test_a_target_that_data_does_not_name_keeps_bodies if {
	decide({"allow": true}).record.level == "body" with data.record as {"server": {"other": "meta"}}
}
