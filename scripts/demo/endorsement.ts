// The second person of the demo's quorum: what eli committed, lena tests, builds and signs a statement for, as `countersign policy activate` does.
import { signSsh } from '../../evidence/repository/sshsig.ts'
import { activationNamespace, createPolicyRepository, leaveEndorsement, proposeActivation, writeEndorsement, writeStatement } from '../../gateway/policy/index.ts'
import { shippedCapabilities } from '../../rego/index.ts'
import type { Home } from './home.ts'
import { publicKeyOf, readKey } from './policy-repository.ts'

/** Signs for the head of the policy repository, unless somebody has. */
export async function endorse(home: Home): Promise<void> {
  const repository = createPolicyRepository(home.policy, 'refs/heads/main')
  const head = await repository.head()
  if ((await repository.endorsements(head)).files.length > 0) return
  const { statement } = await proposeActivation(home.policy, { commit: head, kind: 'activation', capabilities: shippedCapabilities() })
  const key = readKey(home, 'lena')
  await leaveEndorsement(home.policy, writeEndorsement(statement, signSsh(writeStatement(statement), key, publicKeyOf(key), activationNamespace)))
}
