# METADATA
# title: Who may know of what
# description: |
#   may_call(subject, resource) is defined by as many files as wanted, one clause for each kind of resource.
#   It sees the caller and the resource only, so that a list can be filtered by it.
package countersign.access

# METADATA
# title: Is the caller in one of these groups?
in_any(subject, groups) if {
	some group in subject.properties.groups
	group in groups
}
