package countersign.access

# METADATA
# title: A gRPC method is open to the groups of its own entry, or of its service's
may_call(subject, resource) if {
	resource.type == "rpc"
	in_any(subject, rpc(resource).groups)
}

# METADATA
# title: What data says about a gRPC method
# description: Its own entry, or the one for every method of its service. Never both, so that a narrow entry stays narrow.
rpc(resource) := data.grpc.methods[resource.id] if {
	data.grpc.methods[resource.id]
} else := data.grpc.methods[concat("/", [service(resource), "*"])]

# Of target/package.Service/Method, and of nothing that is longer or shorter.
service(resource) := concat("/", [target, name]) if [target, name, _] := split(resource.id, "/")
