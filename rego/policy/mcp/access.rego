package countersign.access

# METADATA
# title: A tool is open to the groups that its entry names
may_call(subject, resource) if {
	resource.type == "tool"
	in_any(subject, data.mcp.tools[resource.id].groups)
}
