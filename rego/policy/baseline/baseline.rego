# METADATA
# title: What every target has in common
# description: Protocol plumbing, and the safety net under all results.
# schemas:
#   - input: schema.input
# custom:
#   controls: [GLBA-314.4c]
package policies.baseline

# METADATA
# title: Opening a session, listing and notifying carry no operation of their own
allow if {
	input.resource.type == "server"
	input.action.name in data.baseline.methods
}

# METADATA
# title: Values of these classes never leave, wherever they turn up
# description: The net below the field rules. Bytes that nobody parses cannot be masked; a route must be listed as opaque to pass without.
mask contains {"id": concat(".", ["baseline", lower(class)]), "match": {"class": class}, "op": "redact"} if {
	not input.resource.id in data.http.opaque
	some class in data.baseline.classes
}
