# METADATA
# title: What a list may show
# description: One answer for each of input.items, in their order, by the rule that also decides a call.
# schemas:
#   - input: schema.input
package countersign.list

import data.countersign.access

# METADATA
# title: Which items the caller may know of
# entrypoint: true
visible := [shown(item) | some item in input.items]

shown(item) if {
	access.may_call(input.subject, item)
} else := false
