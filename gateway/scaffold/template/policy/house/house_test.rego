package house_test

import data.policies.house

call(subject, effects, properties) := {
	"v": 1,
	"subject": {"type": subject, "id": "https://idp.example.com|u", "properties": {"groups": ["analysts"]}},
	"action": {"name": "tools/call", "properties": {"effects": effects}},
	"resource": {"type": "tool", "id": "bank/lookup_customer", "properties": object.union({"target": "bank", "env": "prod", "labels": []}, properties)},
	"request": {"protocol": "mcp", "arguments": {}},
	"findings": {"pii": {"status": "ok", "classes": []}, "projected": []},
}

refused(subject, effects, properties) := {reason.id | some reason in found} if found := house.deny with input as call(subject, effects, properties)

held(subject, effects, properties) := {reason.id | some reason in found} if found := house.require with input as call(subject, effects, properties)

# A table: what the row is about, and what the rules say. A failure names the rows.
test_agents_change_nothing_in_production if {
	cases := {
		"an agent reads": ["agent", ["read"], {}, set()],
		"an agent writes": ["agent", ["write"], {}, {"house.agent_change"}],
		"an agent reads and exports": ["agent", ["read", "export"], {}, {"house.agent_change"}],
		"an agent does what nobody declared": ["agent", [], {}, {"house.agent_change"}],
		"an agent writes in test": ["agent", ["write"], {"env": "test"}, set()],
		"a person writes": ["user", ["write"], {}, set()],
	}
	wrong := {note | some note, [subject, effects, properties, ids] in cases; not refused(subject, effects, properties) == ids}
	wrong == set()
}

test_what_is_restricted_is_held if {
	held("user", ["read"], {"labels": ["restricted"]}) == {"house.restricted"}
	held("user", ["read"], {"labels": ["pii"]}) == set()
}

test_a_session_is_opened_without_asking if {
	opening := object.union(call("user", ["read"], {"labels": ["restricted"]}), {"resource": {"type": "server"}})
	house.require == set() with input as opening
}
