import test from 'ava'
import { hasForeignName } from '../../../../../gateway/protocols/postgres/sql/foreign-names.ts'

test('a name beyond ASCII is found, quoted, escaped or bare, and no constant or comment is one', (t) => {
  for (const text of ['select "größe" from t', 'select größe from t', 'select U&"gr\\00f6sse" from t', 'select u&"d\\0061t" from t', 'select \'ä\' as ä', 'select $ä$x$ä$ as ö', 'select a /* ä */, é']) t.true(hasForeignName(text), text)
  for (const text of ['select 1', 'select \'größe\'', 'select E\'gr\\\'öße\'', 'select $ä$größe$ä$', 'select U&\'\\00f6\'', '-- größe\nselect 1', '/* größe U&"x" */ select \'U&"x"\'']) t.false(hasForeignName(text), text)
})
