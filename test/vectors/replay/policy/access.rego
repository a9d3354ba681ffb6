package countersign.access

may_call(subject, resource) if {
	resource.type == "tool"
	in_any(subject, data.desk.tools[resource.id].groups)
}

may_call(subject, resource) if {
	resource.type == "route"
	in_any(subject, data.desk.routes[resource.id].groups)
}
