# METADATA
# title: Tools behind MCP servers
# schemas:
#   - input: schema.input
# custom:
#   controls: [FFIEC-IS-II.C.15, GLBA-314.4c]
package policies.mcp

import data.countersign.access

# METADATA
# title: A tool may be called by who may know of it
allow if {
	is_call
	access.in_any(input.subject, data.mcp.tools[input.resource.id].groups)
}

# METADATA
# title: Tools that change the schema are never called through the gateway
# custom:
#   controls: [FFIEC-IS-II.C.15]
deny contains {
	"id": "mcp.schema_change",
	"msg": "Changing or dropping tables is never allowed through this gateway, for anyone. Do not retry. Read with run_report or lookup_customer, or open a change request with the database team.",
	"severity": "high",
	"controls": ["FFIEC-IS-II.C.15"],
} if {
	is_call
	name := tool_name
	some prefix in data.mcp.schema_change_prefixes
	startswith(name, prefix)
}

# METADATA
# title: A report is asked for by its plain name
deny contains {
	"id": "mcp.report_name",
	"msg": "A report is named by lower-case letters, digits and underscores, at most 64 of them.",
	"severity": "low",
	"controls": [],
} if {
	is_call
	tool_name == "run_report"
	not asks_plainly
}

# METADATA
# title: No tool is handed a path outside its own folder
deny contains {
	"id": "mcp.path",
	"msg": "Paths must be relative and must not climb: no leading slash, no \"..\".",
	"severity": "high",
	"controls": ["FFIEC-IS-II.C.7"],
} if {
	is_call
	path := input.request.arguments.path
	not is_inside(path)
}

# METADATA
# title: Taking customers out in bulk needs a lead
# custom:
#   controls: [GLBA-314.4c]
require contains {
	"id": "mcp.bulk_export",
	"msg": "Exporting customers in bulk needs the approval of a lead.",
	"severity": "high",
	"controls": ["GLBA-314.4c"],
	"approval": data.approvals.lead,
} if {
	is_call
	input.resource.id in data.mcp.bulk_exports
}

# METADATA
# title: Deleting needs a lead
require contains {
	"id": "mcp.delete",
	"msg": "Deleting a customer needs the approval of a lead.",
	"severity": "high",
	"controls": ["FFIEC-IS-II.C.15"],
	"approval": data.approvals.lead,
} if {
	is_call
	input.resource.id in data.mcp.deletes
}

# METADATA
# title: Putting a model into service needs the engineers' lead
require contains {
	"id": "mcp.deployment",
	"msg": "A deployment needs the approval of an engineering lead.",
	"severity": "high",
	"controls": ["FFIEC-DA-IV.B"],
	"approval": data.approvals["engineers-lead"],
} if {
	is_call
	input.resource.id in data.mcp.deployments
}

# METADATA
# title: Fields of customers that nobody needs in full; contact and birth data are for leads
mask := [] if {
	not carries_results
} else := data.mcp.masks.all if {
	access.in_any(input.subject, ["leads"])
} else := array.concat(data.mcp.masks.all, data.mcp.masks.analysts)

# No list, no call: this is none.
default mask := null

# METADATA
# title: One answer is not an export
limit contains data.mcp.limits.call if is_call

# METADATA
# title: Contractors work slowly
limit contains data.mcp.limits.contractors if {
	is_call
	access.in_any(input.subject, ["contractors"])
}

# A listening stream replays what calls were told: it is masked as they are. Lists are not: a column rule would erase a tool's schema.
carries_results if {
	input.request.protocol == "mcp"
	input.action.name in data.mcp.results
}

# A rule without a value is asked for again by every rule that names it: this one always has one.
default is_call := false

is_call if {
	input.action.name == "tools/call"
	input.resource.type == "tool"
}

tool_name := substring(input.resource.id, count(input.resource.properties.target) + 1, -1)

# What is allowed is spelled out: a value of another type, or a projected one, is not it.
# A rule of its own: `not f(input.x)` says nothing at all where input.x is missing.
asks_plainly if is_report_name(input.request.arguments.report)

# Nothing is left once the letters that a name may have are trimmed off. (A regular expression costs ten times as much.) Each of its
# letters is looked for from the first of these on: the frequent ones come first.
is_report_name(name) if {
	is_string(name)
	name != ""
	count(name) <= 64
	trim(name, "eatsrnoicl_udpmhgbyfvwkxzjq0123456789") == ""
}

is_inside(path) if {
	is_string(path)
	not startswith(path, "/")
	not contains(path, "..")
	not contains(path, "\\")
}
