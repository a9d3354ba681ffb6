// Where the decision point is and what it answers: AuthZEN 1.0 §9, policy decision point metadata. An endpoint that is not named here is not
// answered: searches, since policy is asked about one call and knows of no list of subjects, resources or actions.
const wellKnown = '/.well-known/authzen-configuration'

/** Where its metadata is: the well-known string stands between the host and all of the path (§9.2), that of `publicUrl` too. */
export function metadataPath(publicUrl: string, prefix: string): string {
  return `${wellKnown}${new URL(`${publicUrl}${prefix}`).pathname}`
}

/** Below `publicUrl` + `prefix`. */
export const endpoints = { evaluation: '/access/v1/evaluation', evaluations: '/access/v1/evaluations', data: '/v1/data/countersign/request/decision' } as const

export function decisionPointMetadata(publicUrl: string, prefix: string): { readonly [name: string]: string | readonly string[] } {
  const base = `${publicUrl}${prefix}`
  return {
    policy_decision_point: base,
    access_evaluation_endpoint: `${base}${endpoints.evaluation}`,
    access_evaluations_endpoint: `${base}${endpoints.evaluations}`,
    supported_obligations: ['custom'],
  }
}
