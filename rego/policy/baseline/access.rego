package countersign.access

# METADATA
# title: A target's own plumbing is open to whoever may use the target
may_call(subject, resource) if {
	resource.type == "server"
	in_any(subject, data.targets[resource.properties.target].groups)
}
