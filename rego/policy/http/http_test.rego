package http_test

import data.countersign.request

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
	decision := decide("POST /transfers", body, ["leads"])
	decision.effect == "deny"
	"http.transfer_body" in ids(decision)
}

test_bytes_that_nobody_reads_have_no_masks if {
	decide("POST /upload", null, ["ci"]).mask == []
	decide("GET /ws", null, ["analysts"]).mask == []
	count(decide("GET /stream", null, ["analysts"]).mask) > 0
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
	decide("GET /stream", null, ["analysts"]).limits == {}
	decide("GET /accounts", null, ["analysts"]).limits == {"timeout_ms": 30000}
}
