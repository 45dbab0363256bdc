/**
 * `heddle/control`: the embedded control plane, for programs and tests that start it themselves. As a process
 * it is `heddle control`.
 */
export { type ControlPlane, type ControlPlaneOptions, startControlPlane } from "./plane/plane.ts";
