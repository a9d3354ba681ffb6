package http_test

import data.countersign.request
import data.policies.http

ask(route, body, groups) := {
	"v": 1,
	"subject": {"type": "user", "id": "idp|u", "properties": {"groups": groups}},
	"action": {"name": concat(".", ["http", lower(split(route, " ")[0])]), "properties": {"effects": ["write"]}},
	"resource": {"type": "route", "id": concat("/", ["ledger", route]), "properties": {"target": "ledger", "env": "test", "labels": []}},
	"request": {"protocol": "http", "body": body},
	"findings": {"pii": {"status": "ok", "classes": []}, "projected": []},
}

decide(route, body, groups) := answer if answer := request.decision with input as ask(route, body, groups)

ids(decision) := {reason.id | some reason in decision.reasons}

transfer(amount) := {"amount": amount, "from": "a", "to": "b"}

test_routes_go_by_group if {
	cases := {
		"analyst reads": ["GET /accounts/{id}", "analysts", "allow"],
		"ci does not read": ["GET /accounts", "ci", "deny"],
		"ci uploads": ["POST /upload", "ci", "allow"],
		"contractor does nothing": ["GET /accounts", "contractors", "deny"],
		"unknown route": ["DELETE /accounts/{id}", "leads", "deny"],
	}
	wrong := {note | some note, row in cases; not goes_by_group(row)}
	wrong == set()
}

goes_by_group([route, group, effect]) if decide(route, null, [group]).effect == effect

test_a_large_transfer_is_held if {
	decide("POST /transfers", transfer(10000), ["analysts"]).effect == "allow"
	held := decide("POST /transfers", transfer(10000.01), ["analysts"])
	held.effect == "require"
	ids(held) == {"http.large_transfer"}
	some reason in held.reasons
	reason.msg == "A transfer above 10000 needs the approval of a lead."
}

test_a_transfer_has_a_body if {
	cases := {
		"none": null,
		"text": "amount=1",
		"negative": transfer(-1),
		"nothing": transfer(0),
		"text amount": transfer("99999"),
		"projected amount": transfer({"class": "US_ACCOUNT", "token": "t"}),
		"to itself": {"amount": 1, "from": "a", "to": "a"},
		"from nowhere": {"amount": 1, "to": "a"},
	}
	wrong := {note | some note, row in cases; not is_no_transfer(row)}
	wrong == set()
}

is_no_transfer(body) if {
	some entry in refusals("POST /transfers", body, ["leads"])
	entry.id == "http.transfer_body"
}

# Of this package alone: the whole decision takes several times as long.
refusals(route, body, groups) := entries if entries := http.deny with input as ask(route, body, groups)

test_bytes_that_nobody_reads_have_no_masks if {
	# Of these rules and the net: a mask of another package's is that package's to say.
	uploaded := {rule.id | some rule in decide("POST /upload", null, ["ci"]).mask}
	uploaded & {rule.id | some rule in data.masks.everywhere} == set()
	http.mask == [] with input as ask("POST /upload", null, ["ci"])
	http.mask == [] with input as ask("GET /ws", null, ["analysts"])
	count(http.mask) > 0 with input as ask("GET /stream", null, ["analysts"])
}

test_fields_are_masked if {
	{"http.ssn", "http.card", "http.account", "net"} - {rule.id | some rule in decide("GET /accounts", null, ["analysts"]).mask} == set()
}

test_without_its_masks_no_call if {
	every broken in [{"masks": null}, {"masks": "none"}, {}] {
		world := object.union(object.remove(data.http, ["masks"]), broken)
		decision := request.decision with input as ask("GET /accounts", null, ["analysts"]) with data.http as world
		decision.effect == "deny"
		"countersign.malformed" in ids(decision)
	}
}

test_a_stream_may_last if {
	count(http.limit) == 0 with input as ask("GET /stream", null, ["analysts"])
	http.limit == {{"timeout_ms": 30000}} with input as ask("GET /accounts", null, ["analysts"])
}
