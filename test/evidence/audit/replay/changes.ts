// The golden set: small changes of the policy in test/vectors/replay, each with every flip that it must show over the calls below, and no other.
import { httpCall, toolCall } from './corpus-kit.ts'
import type { Call } from './corpus-kit.ts'

export const calls: readonly Call[] = [
  { input: toolCall('run_report', { report: 'largest' }, ['analysts'], 'p-a1'), calls: 10, masked: { 'desk.contact': 40, 'desk.ssn': 20, 'desk.card': 8, 'net.email': 5 } },
  { input: toolCall('run_report', { report: 'largest' }, ['leads'], 'p-b1'), calls: 5, masked: { 'desk.ssn': 10, 'net.email': 5 } },
  { input: toolCall('run_report', { report: 'largest' }, ['contractors'], 'p-c1'), calls: 4 },
  { input: toolCall('run_report', { report: 'largest' }, ['engineers'], 'p-d1'), calls: 2 },
  { input: toolCall('lookup_customer', { id: 7 }, ['analysts'], 'p-a1'), calls: 6 },
  { input: toolCall('lookup_customer', { id: 7, path: '/etc/passwd' }, ['analysts'], 'p-a1') },
  { input: toolCall('export_customers', { branch: 'Toledo' }, ['analysts'], 'p-a1'), calls: 3 },
  { input: toolCall('delete_customer', { id: 7 }, ['leads'], 'p-b1'), calls: 2 },
  { input: toolCall('delete_customer', { id: 7 }, ['analysts'], 'p-a1') },
  { input: toolCall('drop_table', { table: 'customers' }, ['analysts'], 'p-a1') },
  { input: httpCall('GET /accounts/{id}', undefined, ['analysts'], 'p-a2'), calls: 7, masked: { 'desk.card': 7 } },
  { input: httpCall('POST /transfers', { from: 1, to: 2, amount: 500 }, ['analysts'], 'p-a2'), calls: 3 },
  { input: httpCall('POST /transfers', { from: 1, to: 2, amount: 25_000 }, ['analysts'], 'p-a2'), calls: 2 },
  { input: httpCall('POST /transfers', { from: 1, to: 2, amount: 500 }, ['contractors'], 'p-c1') },
]

export interface Change { readonly name: string; readonly edits: readonly (readonly [from: string, to: string])[]; readonly flips: readonly string[] }

const report = '"bank/run_report": { "groups": ["analysts", "leads", "contractors"] }'
const lead = '"template": "lead", "groups": [{ "any_of": ["leads"], "min": 1 }], "quorum": 1, "ttl_s": 900, "justification": "required", "break_glass": false'
const contact = '{ "id": "desk.contact", "match": { "columns": ["email", "phone"] }, "op": "redact" }'
const card = '{ "id": "desk.card", "match": { "columns": ["card", "card_number"] }, "op": "partial", "keep_last": 4 }'
const ssn = '{ "id": "desk.ssn", "match": { "columns": ["ssn"] }, "op": "redact" }'
const path = 'startswith(input.request.arguments.path, "/")'

export const changes: readonly Change[] = [
  { name: 'a group more may call a tool', edits: [[report, '"bank/run_report": { "groups": ["analysts", "leads", "contractors", "engineers"] }']], flips: ['deny_to_allow countersign.access deny → allow ×2'] },
  { name: 'a group fewer may call a tool', edits: [[report, '"bank/run_report": { "groups": ["analysts", "leads"] }']], flips: ['allow_to_deny countersign.access allow → deny ×4'] },
  { name: 'a group more may call a tool that needs approval', edits: [['"bank/delete_customer": { "groups": ["leads"] }', '"bank/delete_customer": { "groups": ["leads", "analysts"] }']], flips: ['deny_to_approval countersign.access deny → require ×1'] },
  { name: 'a group fewer may call a tool that needs approval', edits: [['"bank/export_customers": { "groups": ["analysts", "leads"] }', '"bank/export_customers": { "groups": ["leads"] }']], flips: ['approval_to_deny countersign.access require → deny ×3'] },
  { name: 'a deny rule is removed', edits: [[path, 'false']], flips: ['deny_to_allow desk.path deny → allow ×1'] },
  { name: 'a deny rule is narrowed', edits: [[path, 'startswith(input.request.arguments.path, "/root")']], flips: ['deny_to_allow desk.path deny → allow ×1'] },
  { name: 'a deny rule is added', edits: [['deny contains {\n\t"id": "desk.path"', 'deny contains {"id": "desk.lookup", "msg": "No.", "controls": []} if input.resource.id == "bank/lookup_customer"\n\ndeny contains {\n\t"id": "desk.path"']], flips: ['allow_to_deny desk.lookup allow → deny ×6', 'reasons_changed desk.lookup none → desk.lookup ×1'] },
  { name: 'a deny rule is only tried out, by data', edits: [['"rollout": {}', '"rollout": { "desk.path": "dryrun" }']], flips: ['deny_to_allow desk.path deny → allow ×1'] },
  { name: 'an approval is only warned about, by data', edits: [['"rollout": {}', '"rollout": { "desk.bulk_export": "warn" }']], flips: ['approval_removed desk.bulk_export require → allow ×3'] },
  { name: 'an approval is dropped', edits: [['input.resource.id == "bank/delete_customer"', 'input.resource.id == "bank/delete_branch"']], flips: ['approval_removed desk.delete require → allow ×2', 'reasons_changed desk.delete desk.delete → none ×1'] },
  { name: 'an approval is asked for', edits: [['input.resource.id == "bank/export_customers"', 'input.resource.id in {"bank/export_customers", "bank/lookup_customer"}']], flips: ['approval_added desk.bulk_export allow → require ×6', 'reasons_changed desk.bulk_export none → desk.bulk_export ×1'] },
  { name: 'an approval begins at a higher amount', edits: [['"transfer_limit": 10000', '"transfer_limit": 50000']], flips: ['approval_removed desk.large_transfer require → allow ×2'] },
  { name: 'an approval begins at a lower amount', edits: [['"transfer_limit": 10000', '"transfer_limit": 100']], flips: ['approval_added desk.large_transfer allow → require ×3', 'reason_text desk.large_transfer ×2', 'reasons_changed desk.large_transfer none → desk.large_transfer ×1'] },
  { name: 'one approver instead of two', edits: [['{ "any_of": ["risk"], "min": 1 }], "quorum": 2', '{ "any_of": ["risk"], "min": 1 }], "quorum": 1']], flips: ['quorum_lowered desk.delete 2 → 1 ×2'] },
  { name: 'two approvers instead of one', edits: [[lead, lead.replace('"quorum": 1', '"quorum": 2')]], flips: ['quorum_raised desk.bulk_export 1 → 2 ×3', 'quorum_raised desk.large_transfer 1 → 2 ×2'] },
  { name: 'approvals last longer', edits: [[lead, lead.replace('900', '86400')]], flips: ['ttl_raised desk.bulk_export 900 → 86400 ×3', 'ttl_raised desk.large_transfer 900 → 86400 ×2'] },
  { name: 'approvals last shorter', edits: [[lead, lead.replace('900', '300')]], flips: ['ttl_lowered desk.bulk_export 900 → 300 ×3', 'ttl_lowered desk.large_transfer 900 → 300 ×2'] },
  { name: 'a group more may approve', edits: [[lead, lead.replace('["leads"]', '["leads", "analysts"]')]], flips: ['approvers_widened desk.bulk_export (analysts) leads → analysts, leads ×3', 'approvers_widened desk.large_transfer (analysts) leads → analysts, leads ×2'] },
  { name: 'another group may approve', edits: [[lead, lead.replace('["leads"]', '["risk"]')]], flips: ['approvers_widened desk.bulk_export (risk, leads) leads → risk ×3', 'approvers_widened desk.large_transfer (risk, leads) leads → risk ×2'] },
  { name: 'a second group no longer has to approve', edits: [[', { "any_of": ["risk"], "min": 1 }', '']], flips: ['approvers_widened desk.delete (risk) leads, risk → leads ×2'] },
  { name: 'an approval needs no justification', edits: [[lead, lead.replace('required', 'optional')]], flips: ['justification_dropped desk.bulk_export required → optional ×3', 'justification_dropped desk.large_transfer required → optional ×2'] },
  { name: 'break-glass is opened', edits: [[lead, lead.replace('false', 'true')]], flips: ['break_glass_opened desk.bulk_export false → true ×3', 'break_glass_opened desk.large_transfer false → true ×2'] },
  { name: 'redacted becomes partial', edits: [[ssn, ssn.replace('"redact"', '"partial", "keep_last": 4')]], flips: ['mask_weakened desk.ssn (column ssn) redact → partial, last 4 ×42, 30 cells'] },
  { name: 'more of a card is kept', edits: [[card, card.replace('"keep_last": 4', '"keep_last": 8')]], flips: ['mask_weakened desk.card (column card, column card_number) partial, last 4 → partial, last 8 ×42, 15 cells'] },
  { name: 'less of a card is kept', edits: [[card, card.replace('"keep_last": 4', '"keep_last": 2')]], flips: ['mask_strengthened desk.card (column card, column card_number) partial, last 4 → partial, last 2 ×42'] },
  { name: 'a column is no longer masked', edits: [[contact, contact.replace('"email", "phone"', '"phone"')]], flips: ['mask_removed desk.contact (column email) redact → none ×35, 40 cells'] },
  { name: 'a column more is masked', edits: [[contact, contact.replace('"phone"', '"phone", "fax"')]], flips: ['mask_added desk.contact (column fax) none → redact ×35'] },
  { name: 'a mask is gone', edits: [[`${ssn},\n`, '']], flips: ['mask_removed desk.ssn (column ssn) redact → none ×42, 30 cells'] },
  { name: 'another group sees contact data', edits: [['mask := data.desk.masks.all if {\n\taccess.in_any(input.subject, ["leads"])', 'mask := data.desk.masks.all if {\n\taccess.in_any(input.subject, ["leads", "analysts"])']], flips: ['mask_removed desk.contact (column email, column phone) redact → none ×31, 40 cells'] },
  { name: 'a class leaves the net under all masks', edits: [['["US_SSN", "PAN", "EMAIL"]', '["US_SSN", "PAN"]']], flips: ['mask_removed net.email (class EMAIL) redact → none ×42, 10 cells'] },
  { name: 'a token becomes a redaction', edits: [['"op": "tokenize"', '"op": "redact"']], flips: ['mask_strengthened desk.token (path /customers/*/ref) tokenize → redact ×42'] },
  { name: 'a path is masked elsewhere', edits: [['/customers/*/ref', '/customers/*/reference']], flips: ['mask_removed desk.token (path /customers/*/ref) tokenize → none ×42, 0 cells', 'mask_weakened desk.token (path /customers/*/reference) class redact → tokenize ×42, 0 cells'] },
  { name: 'a mask has another name', edits: [['"id": "desk.ssn"', '"id": "desk.social"']], flips: ['mask_renamed desk.ssn+desk.social (column ssn) redact → redact ×42'] },
  { name: 'answers may be longer', edits: [['"bytes": 4194304', '"bytes": 8388608']], flips: ['limit_loosened desk.allow (bytes) 4194304 → 8388608 ×21', 'limit_loosened desk.bulk_export (bytes) 4194304 → 8388608 ×3', 'limit_loosened desk.delete (bytes) 4194304 → 8388608 ×2'] },
  { name: 'answers have to be shorter', edits: [['"bytes": 4194304', '"bytes": 1048576']], flips: ['limit_tightened desk.allow (bytes) 4194304 → 1048576 ×21', 'limit_tightened desk.bulk_export (bytes) 4194304 → 1048576 ×3', 'limit_tightened desk.delete (bytes) 4194304 → 1048576 ×2'] },
  { name: 'rows are limited', edits: [['{ "bytes": 4194304', '{ "rows": 500, "bytes": 4194304']], flips: ['limit_tightened desk.allow (rows) none → 500 ×25', 'limit_tightened desk.bulk_export (rows) none → 500 ×3', 'limit_tightened desk.delete (rows) none → 500 ×2'] },
  { name: 'a rate is loosened', edits: [['"per_min": 60', '"per_min": 600']], flips: ['limit_loosened desk.allow (rate) 60/min by subject → 600/min by subject ×4'] },
  { name: 'a rate is counted by another key', edits: [['"key": "subject"', '"key": "client"']], flips: ['limit_loosened desk.allow (rate) 60/min by subject → 60/min by client ×4'] },
  { name: 'a limit is gone', edits: [['limit contains data.desk.limits.contractors if', 'unlimited if']], flips: ['limit_loosened desk.allow (bytes) 262144 → 4194304 ×4', 'limit_loosened desk.allow (rate) 60/min by subject → none ×4'] },
  { name: 'the record keeps digests', edits: [['"tool": { "*": "body" }', '"tool": { "*": "digest" }']], flips: ['record_reduced  (record) body → digest ×30'] },
  { name: 'a clause is added to may_call alone', edits: [['may_call(subject, resource) if {\n\tresource.type == "route"', 'may_call(subject, resource) if {\n\tresource.type == "tool"\n\tin_any(subject, ["engineers"])\n}\n\nmay_call(subject, resource) if {\n\tresource.type == "route"']], flips: ['reasons_changed countersign.silence+countersign.access countersign.access → countersign.silence ×2'] },
  { name: 'a rule says something else', edits: [['"msg": "Paths must be relative."', '"msg": "Leave out the leading slash."']], flips: ['reason_text desk.path ×1'] },
  { name: 'a rule names another control', edits: [['"controls": ["FFIEC-IS-II.C.7"]', '"controls": ["FFIEC-IS-II.C.9"]']], flips: ['controls_changed desk.path FFIEC-IS-II.C.7 → FFIEC-IS-II.C.9 ×1'] },
  { name: 'a rule has another name', edits: [['"id": "desk.path"', '"id": "desk.relative_path"']], flips: ['reasons_changed desk.relative_path+desk.path desk.path → desk.relative_path ×1'] },
  { name: 'two masks contradict each other in one case', edits: [['limit contains data.desk.limits.call if', 'mask := data.desk.masks.contact if input.request.arguments.id == 7\n\nlimit contains data.desk.limits.call if']], flips: ['allow_to_deny policy.error allow → deny ×6', 'approval_to_deny policy.error require → deny ×2', 'reasons_changed policy.error+desk.path desk.path → policy.error ×1', 'reasons_changed policy.error+desk.delete+countersign.access desk.delete, countersign.access → policy.error ×1'] },
  { name: 'a rule without a message', edits: [['\t"msg": "Paths must be relative.",\n', '']], flips: ['reasons_changed countersign.malformed+desk.path desk.path → countersign.malformed ×1'] },
  { name: 'rewritten, and the same: rules in another order, a rule taken apart', edits: [['startswith(input.request.tool, "drop_")', 'is_schema_change'], ['default is_route := false', 'is_schema_change if startswith(input.request.tool, "drop_")\n\ndefault is_route := false']], flips: [] },
  { name: 'only comments and METADATA', edits: [['package policies.desk', '# METADATA\n# title: The desk\n# description: Reworded.\npackage policies.desk']], flips: [] },
]
