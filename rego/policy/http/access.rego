package countersign.access

# METADATA
# title: A route is open to the groups that its entry names
may_call(subject, resource) if {
	resource.type == "route"
	in_any(subject, data.http.routes[resource.id].groups)
}
