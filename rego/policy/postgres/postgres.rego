# METADATA
# title: Statements to PostgreSQL databases
# description: |
#   One gate before the rules of countersign.postgres: every other protocol is past it after one comparison, a target that is only
#   observed has them reported instead of enforced, and a transparent one has none.
# schemas:
#   - input: schema.input
# custom:
#   controls: [FFIEC-IS-II.C.15, GLBA-314.4c]
package policies.postgres

import data.countersign.postgres

# METADATA
# title: A statement may run where each of its effects is granted
allow if {
	input.resource.type == "database"
	may_pass
}

# METADATA
# title: What the rules refuse
deny := refusals if input.resource.type == "database"

# METADATA
# title: What the rules hold for people
# description: Nothing is run by preparing a statement, so nobody is asked before it is executed.
require := demands if input.resource.type == "database"

# METADATA
# title: What leaves the results
mask := masks if input.resource.type == "database"

# METADATA
# title: Who sees every value in full is spared the net as well
unmasked := is_sighted if input.resource.type == "database"

# METADATA
# title: How much one statement may fetch, and for how long
limit := limits if input.resource.type == "database"

may_pass if not is_enforced

may_pass if postgres.is_permitted

refusals := set() if {
	is_transparent
} else := {reported(entry) | some entry in postgres.deny} if {
	is_observed
} else := postgres.deny

demands := set() if {
	not executes
} else := {reported(entry) | some entry in postgres.require} if {
	is_observed
} else := postgres.require

# No list, no call: this is none.
default masks := null

masks := [] if {
	not is_masked
} else := postgres.masks

is_sighted if not is_masked

limits := set() if {
	not is_enforced
} else := postgres.limits

executes if {
	not is_transparent
	input.action.name != "pg.prepare"
}

# A rule without a value is asked for again by every rule that names it: these always have one.
default is_enforced := false

is_enforced if {
	not is_transparent
	not is_observed
}

default is_masked := false

is_masked if {
	is_enforced
	not postgres.sees_all
}

default is_transparent := false

is_transparent if input.resource.properties.target in data.postgres.transparent

default is_observed := false

is_observed if input.resource.properties.target in data.postgres.observe

reported(entry) := object.union(entry, {"mode": "dryrun"})
