// What one step of a suite came to, in a line for people; further lines of the detail name what failed.
export interface Outcome { readonly name: string; readonly passed: boolean; readonly detail: string }
