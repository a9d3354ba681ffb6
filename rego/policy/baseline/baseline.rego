# METADATA
# title: What every target has in common
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
