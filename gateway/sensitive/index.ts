// The door of sensitive/: one notion of what is sensitive for projection and masking.
export { createTokens, deriveTargetKey } from './tokens.ts'
export type { Tokens } from './tokens.ts'
export { detectedClasses } from './finding.ts'
