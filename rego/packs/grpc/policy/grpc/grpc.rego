# METADATA
# title: Methods of gRPC services
# description: |
#   A call is target/package.Service/Method. Nothing is open that data does not name, and what is not declared a read is held for people.
# schemas:
#   - input: schema.input
# custom:
#   controls: [FFIEC-DAM-IV.I.1, FFIEC-IS-II.C.15]
package policies.grpc

import data.countersign.access

# METADATA
# title: A method may be called by who may know of it
allow if {
	is_call
	access.in_any(input.subject, entry.groups)
}

# METADATA
# title: What a server says about itself is not asked through the gateway
# description: Reflection and channelz list every service and connection of the server, those of others too. Health is no secret.
# custom:
#   controls: [FFIEC-DAM-IV.I.2]
deny contains {
	"id": "grpc.introspection",
	"msg": "Reflection and channelz are not open through this gateway. Use the .proto files that the service publishes.",
	"severity": "medium",
	"controls": ["FFIEC-DAM-IV.I.2"],
} if {
	is_call
	some prefix in data.grpc.introspection
	startswith(method, prefix)
}

# METADATA
# title: A method that changes something is held for a lead
# description: A method without declared effects counts as a change. Those that data lists as unattended run without anybody.
# custom:
#   controls: [FFIEC-IS-II.C.7(c)]
require contains {
	"id": "grpc.mutation",
	"msg": "This method changes something, so it needs the approval of a lead.",
	"severity": "high",
	"controls": ["FFIEC-IS-II.C.7(c)"],
	"approval": data.approvals.lead,
} if {
	is_call
	not is_read
	not is_unattended
}

# METADATA
# title: Fields of messages that nobody needs in full
mask := [] if {
	not is_call
} else := data.grpc.masks

# No list, no call: this is none.
default mask := null

# METADATA
# title: A call ends, unless data lists it as a stream
limit contains data.grpc.limits.call if {
	is_call
	not is_stream
}

# METADATA
# title: Some groups call at most so often
limit contains data.grpc.limits.groups[group] if {
	is_call
	some group in input.subject.properties.groups
}

# A rule without a value is asked for again by every rule that names it: these always have one.
default is_call := false

is_call if {
	input.action.name == "grpc.call"
	input.resource.type == "rpc"
}

default is_read := false

is_read if {
	count(input.action.properties.effects) > 0
	every effect in input.action.properties.effects { effect == "read" }
}

entry := access.rpc(input.resource)

# package.Service/Method
method := substring(input.resource.id, count(input.resource.properties.target) + 1, -1)

# Rules of their own: `not x in data.y` says nothing at all where data.y is missing.
is_unattended if input.resource.id in data.grpc.unattended

is_stream if input.resource.id in data.grpc.streams
