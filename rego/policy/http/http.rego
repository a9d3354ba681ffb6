# METADATA
# title: Routes of HTTP services
# schemas:
#   - input: schema.input
# custom:
#   controls: [FFIEC-IS-II.C.15, GLBA-314.4c]
package policies.http

import data.countersign.access

# METADATA
# title: A route may be called by who may know of it
# description: The method is part of the route's name, so it is allowed with it or not at all.
allow if {
	is_request
	access.in_any(input.subject, data.http.routes[input.resource.id].groups)
}

# METADATA
# title: A transfer says how much, from where and to where
deny contains {
	"id": "http.transfer_body",
	"msg": "A transfer needs an amount above zero and two different accounts, from and to.",
	"severity": "low",
	"controls": ["FFIEC-IS-II.C.15"],
} if {
	is_transfer
	not is_transfer_body
}

# METADATA
# title: Large transfers need a lead
require contains {
	"id": "http.large_transfer",
	"msg": sprintf("A transfer above %d needs the approval of a lead.", [data.http.transfer_limit]),
	"severity": "high",
	"controls": ["FFIEC-IS-II.C.15"],
	"approval": data.approvals.lead,
} if {
	is_transfer
	input.request.body.amount > data.http.transfer_limit
}

# METADATA
# title: Fields that nobody needs in full
mask := [] if {
	not carries_results
} else := data.http.masks

# No list, no call: this is none.
default mask := null

# METADATA
# title: A request that is no stream ends
limit contains data.http.limits.request if {
	is_request
	not passes_unread
	not streams
}

# A rule without a value is asked for again by every rule that names it: these always have one.
default is_request := false

is_request if {
	input.resource.type == "route"
	startswith(input.action.name, "http.")
}

carries_results if {
	is_request
	not passes_unread
}

# Rules of their own: `not x in data.y` says nothing at all where data.y is missing.
passes_unread if input.resource.id in data.masks.unread

streams if input.resource.id in data.http.streams

default is_transfer := false

is_transfer if {
	is_request
	input.resource.id in data.http.transfers
}

is_transfer_body if {
	body := input.request.body
	is_number(body.amount)
	body.amount > 0
	body.from != body.to
}
