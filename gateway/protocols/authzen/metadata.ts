// Where the decision point is and what it answers: AuthZEN 1.0 §9, policy decision point metadata.
export const metadataPath = '/.well-known/authzen-configuration'

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
