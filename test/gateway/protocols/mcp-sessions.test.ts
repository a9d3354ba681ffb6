// The table of MCP sessions: one caller's appetite is one caller's loss.
import test from 'ava'
import { McpSessions } from '../../../gateway/protocols/mcp/sessions.ts'

test('who opens sessions without end loses his own oldest, nobody else\'s', (t) => {
  const sessions = new McpSessions()
  const quiet = sessions.mint('idp|ana\nagent', 'up')
  const first = sessions.mint('idp|mallory\nagent', 'up')
  const second = sessions.mint('idp|mallory\nagent', 'up')
  sessions.find(first.id, first.owner)
  for (let n = 0; n < 255; n++) sessions.mint('idp|mallory\nagent', 'up')
  t.is(sessions.find(quiet.id, quiet.owner), quiet)
  t.is(sessions.find(first.id, first.owner), first)
  t.is(sessions.find(second.id, second.owner), undefined)
  sessions.forget(first)
  t.is(sessions.find(first.id, first.owner), undefined)
})
