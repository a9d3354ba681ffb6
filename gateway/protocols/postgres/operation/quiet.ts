// The parser's message without the caller's words: what it quotes is a piece of the text, and that may be somebody's data.

/** Keywords that say where a statement went wrong and nothing else; any other quoted word goes. */
const safe = new Set(`select from where insert into values update set delete create table drop alter group order by having limit offset join on using union all and or not null is in as with
  begin commit rollback end case when then else distinct returning conflict do grant revoke to copy truncate index view function procedure call execute prepare explain analyze vacuum lock cascade if exists
  primary key foreign references default check unique constraint column add ; , ( ) . * = < > + - / % [ ] :: : <> != >= <= ||`.split(/\s+/))
const maxMessageUnits = 500

export function quietMessage(message: string): string {
  const open = message.indexOf('"')
  if (open === -1) return message.slice(0, maxMessageUnits)
  // The quoted piece may hold quotes itself: from the first to the last is one piece.
  const close = message.lastIndexOf('"')
  const quoted = message.slice(open + 1, close)
  if (close > open && safe.has(quoted.toLowerCase())) return message.slice(0, maxMessageUnits)
  return `${message.slice(0, open)}"…"${close > open ? message.slice(close + 1) : ''}`.slice(0, maxMessageUnits)
}
