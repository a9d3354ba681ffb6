// The door of the projection.
export { DecisionIds } from './decision-ids.ts'
export { createProjector } from './project.ts'
export type { ProjectionContext, Projector } from './project.ts'
