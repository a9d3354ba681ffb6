package policies.desk

import data.countersign.access

allow if {
	is_tool
	access.in_any(input.subject, data.desk.tools[input.resource.id].groups)
}

allow if {
	is_route
	access.in_any(input.subject, data.desk.routes[input.resource.id].groups)
}

deny contains {
	"id": "desk.schema_change",
	"msg": "Tables are never changed through this gateway.",
	"controls": ["FFIEC-IS-II.C.15"],
} if {
	is_tool
	startswith(input.request.tool, "drop_")
}

deny contains {
	"id": "desk.path",
	"msg": "Paths must be relative.",
	"controls": ["FFIEC-IS-II.C.7"],
} if {
	is_tool
	startswith(input.request.arguments.path, "/")
}

require contains {
	"id": "desk.bulk_export",
	"msg": "Exporting customers needs the approval of a lead.",
	"controls": ["GLBA-314.4c"],
	"approval": data.approvals.lead,
} if {
	input.resource.id == "bank/export_customers"
}

require contains {
	"id": "desk.delete",
	"msg": "Deleting a customer needs the approval of two leads.",
	"controls": ["FFIEC-IS-II.C.15"],
	"approval": data.approvals.two,
} if {
	input.resource.id == "bank/delete_customer"
}

require contains {
	"id": "desk.large_transfer",
	"msg": sprintf("A transfer above %d needs the approval of a lead.", [data.desk.transfer_limit]),
	"controls": ["FFIEC-IS-II.C.15"],
	"approval": data.approvals.lead,
} if {
	input.request.body.amount > data.desk.transfer_limit
}

mask := data.desk.masks.all if {
	access.in_any(input.subject, ["leads"])
} else := array.concat(data.desk.masks.all, data.desk.masks.contact)

limit contains data.desk.limits.call if is_tool

limit contains data.desk.limits.contractors if access.in_any(input.subject, ["contractors"])

default is_tool := false

is_tool if input.action.name == "tools/call"

default is_route := false

is_route if input.resource.type == "route"
