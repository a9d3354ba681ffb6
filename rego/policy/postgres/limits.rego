package countersign.postgres

# METADATA
# title: No statement runs or answers without end
limits contains data.postgres.limits.all

# METADATA
# title: An agent reads no more than it can use
limits contains data.postgres.limits.agents if is_agent

# METADATA
# title: Some groups read less
limits contains data.postgres.limits.groups[group] if some group in input.subject.properties.groups
