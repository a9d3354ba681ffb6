package desk_test

import data.policies.desk

test_schema_changes_are_denied if {
	count(desk.deny) == 1 with input as {"action": {"name": "tools/call"}, "request": {"tool": "drop_table", "arguments": {}}, "resource": {"id": "bank/drop_table", "type": "tool"}}
}
