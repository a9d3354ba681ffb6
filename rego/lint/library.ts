// The library and the types in a policy repository are copies. One that differs puts decisions together in another way than this
// Countersign's, by a change of its own or by an upgrade that was not made: a reviewer should know which.
import { starterFiles } from '../starter.ts'
import { finding, type LintRule } from './subject.ts'

export const libraryDrift: LintRule = ({ files }) => {
  const shipped = [...starterFiles([])].filter(([file]) => /^(policy\/lib|schema)\//.test(file) && !file.endsWith('_test.rego'))
  // A folder of rules without a library is checked beside the shipped one.
  if (!shipped.some(([file]) => file.startsWith('policy/lib/') && files.has(file))) return []
  return shipped.flatMap(([file, text]) => {
    const bytes = files.get(file)
    if (bytes !== undefined && Buffer.compare(bytes, Buffer.from(text)) === 0) return []
    const what = bytes === undefined ? 'is not there' : 'differs'
    return [finding('library', { file: bytes === undefined ? '' : file, row: bytes === undefined ? 0 : 1, col: bytes === undefined ? 0 : 1 }, `warning: ${file} ${what}: take the one that this version of Countersign ships, from a fresh policy new, or have others look at the difference`)]
  })
}
