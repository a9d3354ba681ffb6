// The door of the projection.
export { createProjector } from './project.ts'
export type { ProjectionContext, Projector } from './project.ts'
