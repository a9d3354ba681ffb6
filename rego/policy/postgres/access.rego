package countersign.access

# METADATA
# title: A database is open to the groups that its entry names
may_call(subject, resource) if {
	resource.type == "database"
	may_use(subject, resource)
}

may_use(subject, resource) if in_any(subject, database(resource).groups)

# A transparent target is open to every verified caller.
may_use(_, resource) if resource.properties.target in data.postgres.transparent

# METADATA
# title: What data says about a database
# description: Its own entry, or the one for every database of its target. Never both, so that a narrow entry stays narrow.
database(resource) := data.postgres.databases[resource.id] if {
	data.postgres.databases[resource.id]
} else := data.postgres.databases[concat("/", [resource.properties.target, "*"])]
